-- Market data: ticks, the bars made from them, depth, and what is computed from depth.
--
-- Numbers. Prices, quantities and notionals are Float64: they are copies of the doubles that the engine and the streams
-- carry, so a stored price equals the published one bit for bit, travels through Arrow without conversion and sums
-- without the overflow of Decimal64. Money that is kept by accountants (account_snapshots) is Decimal128 with 8 places.
-- Times. DateTime64(9) in UTC: nanoseconds, as on the streams. Delta with ZSTD suits jittered times.
-- Engines. {engine:X} becomes X on a single server and its Replicated sister in a cluster. Nothing here names its
-- database: the connection's database is meant.
-- Ages. A part is dropped whole when its last row has outlived the TTL: history older than that can't be loaded.
-- Every table that a stream feeds remembers the tokens of its last inserts, so a retried insert stores nothing twice.

CREATE TABLE IF NOT EXISTS ticks_analytics
(
    ts         DateTime64(9, 'UTC')    COMMENT 'When it traded, UTC' CODEC(Delta(8), ZSTD(1)),
    symbol     LowCardinality(String)  COMMENT 'Instrument',
    price      Float64                 COMMENT 'Trade price' CODEC(Gorilla, ZSTD(1)),
    quantity   Float64                 COMMENT 'Traded quantity' CODEC(Gorilla, ZSTD(1)),
    side       Enum8('unknown' = 0, 'buy' = 1, 'sell' = 2) COMMENT 'Side of the taker',
    seq        UInt64                  COMMENT 'Sequence of the command that traded, or of the feed' CODEC(Delta(8), ZSTD(1)),
    pos        UInt16                  COMMENT 'Position among the events of that command' CODEC(T64, ZSTD(1)),
    stream_seq UInt64                  COMMENT 'Sequence on stream MARKET_DATA; 0 when loaded from elsewhere' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine:MergeTree}
PARTITION BY toYYYYMMDD(ts)
ORDER BY (symbol, ts, seq, pos)
TTL toDateTime(ts) + INTERVAL 1 YEAR
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'Every trade as the market saw it';

CREATE TABLE IF NOT EXISTS bars_analytics
(
    ts       DateTime('UTC')         COMMENT 'Start of the minute, UTC' CODEC(DoubleDelta, ZSTD(1)),
    symbol   LowCardinality(String)  COMMENT 'Instrument',
    open     AggregateFunction(argMin, Float64, Tuple(DateTime64(9, 'UTC'), UInt64, UInt16)) COMMENT 'Price of the first trade',
    high     SimpleAggregateFunction(max, Float64) COMMENT 'Highest price' CODEC(Gorilla, ZSTD(1)),
    low      SimpleAggregateFunction(min, Float64) COMMENT 'Lowest price' CODEC(Gorilla, ZSTD(1)),
    close    AggregateFunction(argMax, Float64, Tuple(DateTime64(9, 'UTC'), UInt64, UInt16)) COMMENT 'Price of the last trade',
    volume   SimpleAggregateFunction(sum, Float64) COMMENT 'Traded quantity' CODEC(Gorilla, ZSTD(1)),
    notional SimpleAggregateFunction(sum, Float64) COMMENT 'Sum of price x quantity; notional / volume is the VWAP' CODEC(Gorilla, ZSTD(1)),
    trades   SimpleAggregateFunction(sum, UInt64)  COMMENT 'Number of trades' CODEC(T64, ZSTD(1))
)
ENGINE = {engine:AggregatingMergeTree}
PARTITION BY toYYYYMM(ts)
ORDER BY (symbol, ts)
TTL ts + INTERVAL 10 YEAR
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'One-minute bars as states that merge: late trades fall into place, longer bars are merged from these';

CREATE MATERIALIZED VIEW IF NOT EXISTS bars_analytics_from_ticks TO bars_analytics AS
SELECT
    toStartOfMinute(toDateTime(ts, 'UTC')) AS ts,
    symbol,
    argMinState(price, (ticks_analytics.ts, seq, pos)) AS open,
    max(price) AS high,
    min(price) AS low,
    argMaxState(price, (ticks_analytics.ts, seq, pos)) AS close,
    sum(quantity) AS volume,
    sum(price * quantity) AS notional,
    count() AS trades
FROM ticks_analytics
GROUP BY symbol, ts;

CREATE VIEW IF NOT EXISTS bars_1m AS
SELECT
    bars.ts AS ts,
    bars.symbol AS symbol,
    argMinMerge(bars.open) AS open,
    max(bars.high) AS high,
    min(bars.low) AS low,
    argMaxMerge(bars.close) AS close,
    sum(bars.volume) AS volume,
    sum(bars.notional) / sum(bars.volume) AS vwap,
    sum(bars.trades) AS trades
FROM bars_analytics AS bars
GROUP BY bars.symbol, bars.ts;

CREATE TABLE IF NOT EXISTS order_book_snapshots
(
    ts             DateTime64(9, 'UTC')   COMMENT 'Time of the command after which the book looked so, UTC' CODEC(Delta(8), ZSTD(1)),
    symbol         LowCardinality(String) COMMENT 'Instrument',
    seq            UInt64                 COMMENT 'Sequence of that command' CODEC(Delta(8), ZSTD(1)),
    bid_prices     Array(Float64)         COMMENT 'Bid prices, best first' CODEC(ZSTD(1)),
    bid_quantities Array(Float64)         COMMENT 'Quantities at bid_prices' CODEC(ZSTD(1)),
    ask_prices     Array(Float64)         COMMENT 'Ask prices, best first' CODEC(ZSTD(1)),
    ask_quantities Array(Float64)         COMMENT 'Quantities at ask_prices' CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMMDD(ts)
ORDER BY (symbol, ts, seq)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'Depth of the book after a command';

CREATE TABLE IF NOT EXISTS order_flow_features
(
    ts         DateTime64(9, 'UTC')   COMMENT 'End of the window, UTC' CODEC(Delta(8), ZSTD(1)),
    symbol     LowCardinality(String) COMMENT 'Instrument',
    window_ms  UInt32                 COMMENT 'Length of the window in milliseconds' CODEC(T64, ZSTD(1)),
    ofi        Float64                COMMENT 'Order flow imbalance' CODEC(Gorilla, ZSTD(1)),
    vpin       Float64                COMMENT 'Volume-synchronized probability of informed trading, 0 to 1' CODEC(Gorilla, ZSTD(1)),
    microprice Float64                COMMENT 'Mid price weighted by the opposite quantities' CODEC(Gorilla, ZSTD(1)),
    spread     Float64                COMMENT 'Best ask minus best bid' CODEC(Gorilla, ZSTD(1)),
    buy_volume Float64                COMMENT 'Quantity bought by takers' CODEC(Gorilla, ZSTD(1)),
    sell_volume Float64               COMMENT 'Quantity sold by takers' CODEC(Gorilla, ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(ts)
ORDER BY (symbol, window_ms, ts)
TTL toDateTime(ts) + INTERVAL 180 DAY
SETTINGS ttl_only_drop_parts = 1
COMMENT 'What order flow says, by window';

CREATE TABLE IF NOT EXISTS technical_indicators
(
    ts        DateTime64(3, 'UTC')   COMMENT 'Start of the bar that it belongs to, UTC' CODEC(DoubleDelta, ZSTD(1)),
    symbol    LowCardinality(String) COMMENT 'Instrument',
    interval  LowCardinality(String) COMMENT 'Length of the bar: 1m, 5m, ...',
    indicator LowCardinality(String) COMMENT 'Name with its parameters: sma(20), rsi(14), ...',
    value     Float64                COMMENT 'Its value' CODEC(Gorilla, ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(ts)
ORDER BY (symbol, interval, indicator, ts)
TTL toDateTime(ts) + INTERVAL 2 YEAR
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Indicators, one value a row: a new one needs no new column';
