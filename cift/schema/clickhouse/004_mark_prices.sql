-- The price that unrealized_pnl is at: who goes on from a stored position needs it, and a closed one doesn't tell it.

ALTER TABLE position_history_analytics
    ADD COLUMN IF NOT EXISTS mark_price Float64 COMMENT 'Price of the fill that changed it, which unrealized_pnl is at; 0 in rows from before there was this column' CODEC(ZSTD(1));
