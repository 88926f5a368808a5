-- The relational record of orders and positions: one row each, as the events last left it. The journal (ORDERS) and its
-- events (EVENTS) decide; these rows repeat them under foreign keys, for back offices, which ask in SQL. Names and words
-- are those of cift/core/messages.py. Times are nanoseconds since 1970 (UTC), as the messages carry them; `created` is
-- the same moment as PostgreSQL counts it, in microseconds.

CREATE TABLE orders (
    order_id         bigint PRIMARY KEY CHECK (order_id > 0),
    account_id       bigint NOT NULL REFERENCES accounts ON DELETE RESTRICT,
    symbol           text NOT NULL REFERENCES instruments ON DELETE RESTRICT,
    client_order_id  text CHECK (client_order_id <> ''),
    side             text NOT NULL CHECK (side IN ('buy', 'sell')),
    order_type       text NOT NULL
        CHECK (order_type IN ('limit', 'market', 'market_to_limit', 'stop', 'pegged', 'notional')),
    tif              text NOT NULL DEFAULT 'GTC' CHECK (tif IN ('GTC', 'IOC', 'FOK', 'DAY', 'GTD', 'ATO', 'ATC')),
    quantity         numeric NOT NULL CHECK (quantity > 0 AND quantity < 'Infinity'),
    price            numeric CHECK (price > '-Infinity' AND price < 'Infinity'),
    trigger_price    numeric CHECK (trigger_price > '-Infinity' AND trigger_price < 'Infinity'),
    trail            numeric CHECK (trail > 0 AND trail < 'Infinity'),
    peg              text CHECK (peg IN ('primary', 'mid', 'market')),
    "offset"         numeric NOT NULL DEFAULT 0 CHECK ("offset" > '-Infinity' AND "offset" < 'Infinity'),
    display_quantity numeric CHECK (display_quantity > 0 AND display_quantity < 'Infinity'),
    min_quantity     numeric CHECK (min_quantity > 0 AND min_quantity < 'Infinity'),
    expires          bigint CHECK (expires > 0),
    post_only        boolean NOT NULL DEFAULT false,
    reprice          boolean NOT NULL DEFAULT false,
    hidden           boolean NOT NULL DEFAULT false,
    all_or_none      boolean NOT NULL DEFAULT false,
    reduce_only      boolean NOT NULL DEFAULT false,
    state            text NOT NULL CHECK (state IN ('open', 'filled', 'cancelled', 'rejected')),
    filled           numeric NOT NULL DEFAULT 0 CHECK (filled >= 0 AND filled < 'Infinity'),
    remaining        numeric NOT NULL CHECK (remaining >= 0 AND remaining < 'Infinity'),
    average_price    numeric CHECK (average_price > '-Infinity' AND average_price < 'Infinity'),
    code             text CHECK (code <> ''),
    reason           text,
    stream_seq       bigint NOT NULL CHECK (stream_seq > 0),
    ts               bigint NOT NULL CHECK (ts > 0),
    updated_ts       bigint NOT NULL,
    created          timestamptz NOT NULL GENERATED ALWAYS AS (to_timestamp(ts / 1e9::double precision)) STORED,
    CONSTRAINT orders_limit_has_price CHECK (order_type <> 'limit' OR price IS NOT NULL),
    CONSTRAINT orders_market_has_no_price CHECK (order_type <> 'market' OR price IS NULL),
    CONSTRAINT orders_stop_has_trigger CHECK (order_type <> 'stop' OR num_nonnulls(trigger_price, trail) >= 1),
    CONSTRAINT orders_pegged_has_peg CHECK ((order_type = 'pegged') = (peg IS NOT NULL)),
    CONSTRAINT orders_gtd_expires CHECK (tif <> 'GTD' OR expires IS NOT NULL),
    -- A notional order's quantity is money, what it filled is not.
    CONSTRAINT orders_not_overfilled CHECK (order_type = 'notional' OR filled + remaining <= quantity),
    CONSTRAINT orders_done_rests_no_more CHECK (state = 'open' OR remaining = 0),
    CONSTRAINT orders_open_rests CHECK (state <> 'open' OR remaining > 0),
    CONSTRAINT orders_filled_has_fills CHECK (state <> 'filled' OR filled > 0),
    CONSTRAINT orders_fills_have_price CHECK ((filled > 0) = (average_price IS NOT NULL)),
    CONSTRAINT orders_rejected_says_why CHECK ((state = 'rejected') = (code IS NOT NULL)),
    CONSTRAINT orders_rejected_never_traded CHECK (state <> 'rejected' OR filled = 0),
    CONSTRAINT orders_time_runs_forward CHECK (updated_ts >= ts)
);
COMMENT ON TABLE orders IS 'Every order once, as its last event left it.';
COMMENT ON COLUMN orders.order_id IS 'Sequence on stream ORDERS of the command that opened it.';
COMMENT ON COLUMN orders.account_id IS 'The command''s user_id.';
COMMENT ON COLUMN orders.symbol IS 'Instrument.';
COMMENT ON COLUMN orders.client_order_id IS 'The client''s own name for it; unique only for as long as the client says so.';
COMMENT ON COLUMN orders.side IS 'buy or sell.';
COMMENT ON COLUMN orders.order_type IS 'As in the command.';
COMMENT ON COLUMN orders.tif IS 'Time in force, as in the command.';
COMMENT ON COLUMN orders.quantity IS 'What was asked for; for a notional order an amount of money.';
COMMENT ON COLUMN orders.price IS 'Limit; none for a market order, and for a stop or a pegged order without a limit.';
COMMENT ON COLUMN orders.trigger_price IS 'Where a stop becomes an order.';
COMMENT ON COLUMN orders.trail IS 'How far a trailing stop stays behind the best price.';
COMMENT ON COLUMN orders.peg IS 'What a pegged order follows.';
COMMENT ON COLUMN orders."offset" IS 'Added to what a pegged order follows.';
COMMENT ON COLUMN orders.display_quantity IS 'What an iceberg shows at a time.';
COMMENT ON COLUMN orders.min_quantity IS 'The least that may be filled at first.';
COMMENT ON COLUMN orders.expires IS 'End of a GTD order, nanoseconds since 1970 (UTC).';
COMMENT ON COLUMN orders.post_only IS 'Never takes.';
COMMENT ON COLUMN orders.reprice IS 'A post-only order that would take is moved instead of refused.';
COMMENT ON COLUMN orders.hidden IS 'Not in the public book.';
COMMENT ON COLUMN orders.all_or_none IS 'Fills whole or not at all, and may rest meanwhile.';
COMMENT ON COLUMN orders.reduce_only IS 'Only makes the position smaller.';
COMMENT ON COLUMN orders.state IS 'open, or how it ended.';
COMMENT ON COLUMN orders.filled IS 'Sum of its fills.';
COMMENT ON COLUMN orders.remaining IS 'What may still be filled; zero when it has ended.';
COMMENT ON COLUMN orders.average_price IS 'Mean price of its fills by quantity; none without one.';
COMMENT ON COLUMN orders.code IS 'Stable code of the rejection.';
COMMENT ON COLUMN orders.reason IS 'Why it was rejected or cancelled, for people.';
COMMENT ON COLUMN orders.stream_seq IS 'Sequence on stream EVENTS of the last event in this row: an older one changes nothing.';
COMMENT ON COLUMN orders.ts IS 'Time of the command that opened it.';
COMMENT ON COLUMN orders.updated_ts IS 'Time of the command that caused the last event.';
COMMENT ON COLUMN orders.created IS 'ts, to the microsecond.';
CREATE INDEX orders_account ON orders (account_id, order_id);
CREATE INDEX orders_symbol ON orders (symbol, order_id);
CREATE INDEX orders_open ON orders (account_id, symbol) WHERE state = 'open';
CREATE INDEX orders_client_order_id ON orders (account_id, client_order_id) WHERE client_order_id IS NOT NULL;

CREATE TABLE positions (
    account_id    bigint NOT NULL REFERENCES accounts ON DELETE RESTRICT,
    symbol        text NOT NULL REFERENCES instruments ON DELETE RESTRICT,
    quantity      numeric NOT NULL CHECK (quantity > '-Infinity' AND quantity < 'Infinity'),
    average_price numeric CHECK (average_price > '-Infinity' AND average_price < 'Infinity'),
    realized_pnl  numeric NOT NULL DEFAULT 0 CHECK (realized_pnl > '-Infinity' AND realized_pnl < 'Infinity'),
    stream_seq    bigint NOT NULL CHECK (stream_seq > 0),
    ts            bigint NOT NULL CHECK (ts > 0),
    PRIMARY KEY (account_id, symbol),
    CONSTRAINT positions_held_has_price CHECK ((quantity <> 0) = (average_price IS NOT NULL))
);
COMMENT ON TABLE positions IS 'What each account holds now; how it came to be so is ClickHouse''s position_history_analytics.';
COMMENT ON COLUMN positions.account_id IS 'The fills'' user_id.';
COMMENT ON COLUMN positions.symbol IS 'Instrument.';
COMMENT ON COLUMN positions.quantity IS 'Negative when short; zero when everything was closed.';
COMMENT ON COLUMN positions.average_price IS 'Average price of what is held; none when nothing is.';
COMMENT ON COLUMN positions.realized_pnl IS 'Profit and loss of what was closed, since the start.';
COMMENT ON COLUMN positions.stream_seq IS 'Sequence on stream EVENTS of the last fill in this row: an older one changes nothing.';
COMMENT ON COLUMN positions.ts IS 'Time of the command that caused that fill.';
CREATE INDEX positions_symbol ON positions (symbol);
