-- A mass cancel has as many events as an account has orders, and the recorder met the end of two bytes with an error that
-- it could not pass. The tables of fills have pos in their keys, which no ALTER can widen: a command's fills beyond 65,536
-- are in order_events and in the positions alone.

ALTER TABLE order_events
    MODIFY COLUMN pos UInt32 COMMENT 'Position among the events of that command' CODEC(T64, ZSTD(1));
