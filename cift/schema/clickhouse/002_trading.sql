-- Trading: executions, and positions, strategies and accounts over time. See 001 for the choice of types and engines.

CREATE TABLE IF NOT EXISTS trade_executions
(
    stream_seq     UInt64                 COMMENT 'Sequence on stream EVENTS: the recorder goes on after the greatest one' CODEC(Delta(8), ZSTD(1)),
    command_seq    UInt64                 COMMENT 'Sequence of the command that caused it; with pos the identity of the fill' CODEC(Delta(8), ZSTD(1)),
    pos            UInt16                 COMMENT 'Position among the events of that command' CODEC(T64, ZSTD(1)),
    ts             DateTime64(9, 'UTC')   COMMENT 'Time of the command, UTC' CODEC(Delta(8), ZSTD(1)),
    symbol         LowCardinality(String) COMMENT 'Instrument',
    side           Enum8('buy' = 1, 'sell' = 2) COMMENT 'Side of the taker',
    price          Float64                COMMENT 'Price of the maker' CODEC(Gorilla, ZSTD(1)),
    quantity       Float64                COMMENT 'Matched quantity' CODEC(Gorilla, ZSTD(1)),
    notional       Float64 DEFAULT price * quantity COMMENT 'price x quantity' CODEC(Gorilla, ZSTD(1)),
    taker_order_id UInt64                 COMMENT 'Order that came in' CODEC(Delta(8), ZSTD(1)),
    taker_user_id  UInt64                 COMMENT 'Its owner' CODEC(T64, ZSTD(1)),
    maker_order_id UInt64                 COMMENT 'Order that rested in the book' CODEC(Delta(8), ZSTD(1)),
    maker_user_id  UInt64                 COMMENT 'Its owner' CODEC(T64, ZSTD(1)),
    INDEX by_taker taker_user_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_maker maker_user_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_stream stream_seq TYPE minmax GRANULARITY 1
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(ts)
ORDER BY (symbol, ts, command_seq, pos)
TTL toDateTime(ts) + INTERVAL 7 YEAR
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'Every fill once: the key is the identity of its event, which a replay repeats exactly';

CREATE TABLE IF NOT EXISTS position_history_analytics
(
    ts             DateTime64(9, 'UTC')   COMMENT 'When the position became so, UTC' CODEC(Delta(8), ZSTD(1)),
    account_id     UInt64                 COMMENT 'Account' CODEC(T64, ZSTD(1)),
    symbol         LowCardinality(String) COMMENT 'Instrument',
    stream_seq     UInt64                 COMMENT 'Sequence on stream EVENTS of the fill that changed it' CODEC(Delta(8), ZSTD(1)),
    quantity       Float64                COMMENT 'Position, negative when short' CODEC(Gorilla, ZSTD(1)),
    average_price  Float64                COMMENT 'Average price of what is held' CODEC(Gorilla, ZSTD(1)),
    realized_pnl   Float64                COMMENT 'Profit and loss of what was closed, since the start' CODEC(Gorilla, ZSTD(1)),
    unrealized_pnl Float64                COMMENT 'Profit and loss of what is held, at the last trade' CODEC(Gorilla, ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(ts)
ORDER BY (account_id, symbol, ts, stream_seq)
TTL toDateTime(ts) + INTERVAL 7 YEAR
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'Positions of every account over time';

CREATE TABLE IF NOT EXISTS strategy_performance
(
    ts            DateTime64(3, 'UTC')   COMMENT 'End of the period, UTC' CODEC(DoubleDelta, ZSTD(1)),
    strategy      LowCardinality(String) COMMENT 'Name of the strategy',
    account_id    UInt64                 COMMENT 'Account that it trades for' CODEC(T64, ZSTD(1)),
    period        LowCardinality(String) COMMENT 'Length of the period: 1h, 1d, ...',
    pnl           Float64                COMMENT 'Profit and loss of the period' CODEC(Gorilla, ZSTD(1)),
    turnover      Float64                COMMENT 'Sum of price x quantity traded' CODEC(Gorilla, ZSTD(1)),
    sharpe        Nullable(Float64)      COMMENT 'Sharpe ratio of a year; empty with too few periods' CODEC(ZSTD(1)),
    max_drawdown  Float64                COMMENT 'Greatest fall from a peak, as a fraction of it' CODEC(Gorilla, ZSTD(1)),
    trades        UInt64                 COMMENT 'Number of fills' CODEC(T64, ZSTD(1)),
    winning_trades UInt64                COMMENT 'Number of fills that closed at a profit' CODEC(T64, ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYear(ts)
ORDER BY (strategy, account_id, period, ts)
TTL toDateTime(ts) + INTERVAL 7 YEAR
SETTINGS ttl_only_drop_parts = 1
COMMENT 'What each strategy earned, by period';

CREATE TABLE IF NOT EXISTS account_snapshots
(
    ts             DateTime64(3, 'UTC') COMMENT 'When, UTC' CODEC(DoubleDelta, ZSTD(1)),
    account_id     UInt64               COMMENT 'Account' CODEC(T64, ZSTD(1)),
    currency       LowCardinality(String) COMMENT 'Currency of the amounts, ISO 4217',
    cash           Decimal128(8)        COMMENT 'Cash' CODEC(ZSTD(1)),
    equity         Decimal128(8)        COMMENT 'Cash and the value of all positions' CODEC(ZSTD(1)),
    margin_used    Decimal128(8)        COMMENT 'Margin that the positions need' CODEC(ZSTD(1)),
    realized_pnl   Decimal128(8)        COMMENT 'Profit and loss of what was closed, since the start' CODEC(ZSTD(1)),
    unrealized_pnl Decimal128(8)        COMMENT 'Profit and loss of what is held' CODEC(ZSTD(1)),
    leverage       Float64              COMMENT 'Gross value of all positions over equity' CODEC(Gorilla, ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(ts)
ORDER BY (account_id, ts)
TTL toDateTime(ts) + INTERVAL 10 YEAR
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Every account over time';
