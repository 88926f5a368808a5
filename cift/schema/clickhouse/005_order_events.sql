-- What happened to each account's orders, by account: where the API reads an account's orders and fills. See 001 for the
-- choice of types and engines.

CREATE TABLE IF NOT EXISTS order_events
(
    stream_seq      UInt64                 COMMENT 'Sequence on stream EVENTS: the recorder goes on after the greatest one' CODEC(Delta(8), ZSTD(1)),
    command_seq     UInt64                 COMMENT 'Sequence of the command that caused it' CODEC(Delta(8), ZSTD(1)),
    pos             UInt16                 COMMENT 'Position among the events of that command' CODEC(T64, ZSTD(1)),
    ts              DateTime64(9, 'UTC')   COMMENT 'Time of the command, UTC' CODEC(Delta(8), ZSTD(1)),
    account_id      UInt64                 COMMENT 'Owner of the order' CODEC(T64, ZSTD(1)),
    order_id        UInt64                 COMMENT 'The order' CODEC(Delta(8), ZSTD(1)),
    symbol          LowCardinality(String) COMMENT 'Instrument',
    kind            Enum8('accepted' = 1, 'fill' = 2, 'cancelled' = 3, 'reduced' = 4, 'modified' = 5, 'rejected' = 6) COMMENT 'What happened',
    side            Enum8('unknown' = 0, 'buy' = 1, 'sell' = 2) COMMENT 'Side of this order, where the event says it',
    liquidity       Enum8('none' = 0, 'taker' = 1, 'maker' = 2) COMMENT 'What this order was in a fill',
    price           Nullable(Float64)      COMMENT 'Limit of an accepted or modified order, price of a fill' CODEC(ZSTD(1)),
    quantity        Float64                COMMENT 'Asked for (accepted), matched (fill), taken out (cancelled), left (reduced, modified)' CODEC(ZSTD(1)),
    client_order_id String                 COMMENT 'The name that the client gave it; empty: none' CODEC(ZSTD(1)),
    reason          LowCardinality(String) COMMENT 'Why it was cancelled, or the code of its rejection'
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(ts)
ORDER BY (account_id, order_id, stream_seq)
TTL toDateTime(ts) + INTERVAL 7 YEAR
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'Every event of every order, a fill once for each of its two orders';
