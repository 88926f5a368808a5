-- Reference data: what may be traded, who trades, and by which key they prove it.

CREATE TABLE accounts (
    account_id bigint PRIMARY KEY CHECK (account_id > 0),
    name       text NOT NULL CHECK (name <> ''),
    created    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE accounts IS 'Who trades; account_id is the user_id of every message.';

CREATE TABLE instruments (
    symbol    text PRIMARY KEY CHECK (symbol ~ '^[A-Z0-9][A-Z0-9_-]{0,31}$'),
    tick_size numeric NOT NULL CHECK (tick_size > 0),
    lot_size  numeric NOT NULL CHECK (lot_size > 0),
    state     text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'halted')),
    created   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE instruments IS 'What may be traded. The engine writes each change into its journal before it decides by it.';

CREATE TABLE api_keys (
    sha256     bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    scopes     text[] NOT NULL CHECK (scopes <@ ARRAY['trade', 'read'] AND cardinality(scopes) > 0),
    created    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE api_keys IS 'Hashes of keys; a key itself is never stored.';
CREATE INDEX api_keys_account ON api_keys (account_id);
