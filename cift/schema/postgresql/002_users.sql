-- People: who may sign in, what they may do at this site, and for which accounts they act.
-- A message's user_id is an account's id (001). A person is named by the login alone, so that the two never meet.

CREATE TABLE users (
    login   text PRIMARY KEY CHECK (login ~ '^[a-z][a-z0-9._-]{0,63}$'),
    name    text NOT NULL CHECK (name <> ''),
    email   text CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    state   text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'locked')),
    created timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE users IS 'People. How they prove who they are is the sign-in service''s: no password is stored here.';
COMMENT ON COLUMN users.login IS 'The name that the sign-in service knows the person by.';
COMMENT ON COLUMN users.name IS 'The person''s own name, for reports.';
COMMENT ON COLUMN users.email IS 'Where notices go; two people may share one.';
COMMENT ON COLUMN users.state IS 'A locked user may do nothing, and keeps every row that names them.';
COMMENT ON COLUMN users.created IS 'When the row was made.';

CREATE TABLE user_roles (
    login   text NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    role    text NOT NULL CHECK (role IN ('admin', 'operator', 'risk', 'auditor')),
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (login, role)
);
COMMENT ON TABLE user_roles IS 'What a user may do at the whole site, whichever the account.';
COMMENT ON COLUMN user_roles.login IS 'The user.';
COMMENT ON COLUMN user_roles.role IS
    'admin: reference data and users. operator: halts and starts. risk: limits and cancels. auditor: reads everything.';
COMMENT ON COLUMN user_roles.created IS 'Since when.';

CREATE TABLE account_users (
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    login      text NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    scopes     text[] NOT NULL CHECK (scopes <@ ARRAY['trade', 'read'] AND cardinality(scopes) > 0),
    created    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, login)
);
COMMENT ON TABLE account_users IS 'For which accounts a user acts, with the scopes that API keys have.';
COMMENT ON COLUMN account_users.account_id IS 'The account.';
COMMENT ON COLUMN account_users.login IS 'The user.';
COMMENT ON COLUMN account_users.scopes IS 'trade: orders and cancels. read: what the account has and did.';
COMMENT ON COLUMN account_users.created IS 'Since when.';
CREATE INDEX account_users_login ON account_users (login);

COMMENT ON COLUMN accounts.account_id IS 'The user_id of every message.';
COMMENT ON COLUMN accounts.name IS 'For people.';
COMMENT ON COLUMN accounts.created IS 'When the row was made.';
COMMENT ON COLUMN instruments.symbol IS 'The last word of every subject that is about it.';
COMMENT ON COLUMN instruments.tick_size IS 'Prices are multiples of it.';
COMMENT ON COLUMN instruments.lot_size IS 'Quantities are multiples of it.';
COMMENT ON COLUMN instruments.state IS 'Only active ones trade.';
COMMENT ON COLUMN instruments.created IS 'When the row was made.';
COMMENT ON COLUMN api_keys.sha256 IS 'Hash of the key.';
COMMENT ON COLUMN api_keys.account_id IS 'Whose orders it may send.';
COMMENT ON COLUMN api_keys.scopes IS 'trade: orders and cancels. read: what the account has and did.';
COMMENT ON COLUMN api_keys.created IS 'When the row was made.';
