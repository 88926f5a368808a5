-- A command may cause more fills than two bytes can count: an auction's uncrossing, or a large order that sweeps a book. No
-- ALTER widens a column of a key, but one that adds a column may add it to the key as well: pos keeps the lower half of a
-- position, pos_high has the upper one. Rows from before, and those of a release that knows no such column, have 0 there,
-- which is right for them. The primary key, which only finds rows, stays as it was. Nothing is rewritten.

ALTER TABLE trade_executions
    ADD COLUMN IF NOT EXISTS pos_high UInt16 COMMENT 'Upper half of the position: pos_high x 65536 + pos' CODEC(T64, ZSTD(1)) AFTER pos,
    MODIFY ORDER BY (symbol, ts, command_seq, pos, pos_high);

ALTER TABLE ticks_analytics
    ADD COLUMN IF NOT EXISTS pos_high UInt16 COMMENT 'Upper half of the position: pos_high x 65536 + pos' CODEC(T64, ZSTD(1)) AFTER pos,
    MODIFY ORDER BY (symbol, ts, seq, pos, pos_high);

-- The states of the bars know a trade's place as (ts, seq, pos), of types that no ALTER changes either. A sequence stays
-- below 2^53 (cift.core.shards), so that the upper half has room behind it in 64 bits: to 2^27 fills of one command the
-- first and the last price are those of the first and the last. States from before merge with these as before: within
-- one moment theirs are the smaller numbers, and the earlier trades.

ALTER TABLE bars_analytics_from_ticks
    MODIFY QUERY SELECT
        toStartOfMinute(toDateTime(ts, 'UTC')) AS ts,
        symbol,
        argMinState(price, (ticks_analytics.ts, seq * 2048 + pos_high, pos)) AS open,
        max(price) AS high,
        min(price) AS low,
        argMaxState(price, (ticks_analytics.ts, seq * 2048 + pos_high, pos)) AS close,
        sum(quantity) AS volume,
        sum(price * quantity) AS notional,
        count() AS trades
    FROM ticks_analytics
    GROUP BY symbol, ts;
