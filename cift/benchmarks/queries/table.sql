-- Trades with the quotes that they met, a day of fifty symbols
CREATE TABLE {table:Identifier} (
  ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  symbol LowCardinality(String),
  price Float64 CODEC(Gorilla, ZSTD(1)),
  quantity Float64 CODEC(ZSTD(1)),
  side Int8 CODEC(ZSTD(1)),
  bid Float64 CODEC(Gorilla, ZSTD(1)),
  ask Float64 CODEC(Gorilla, ZSTD(1)),
  bid_size Float64 CODEC(ZSTD(1)),
  ask_size Float64 CODEC(ZSTD(1))
) ENGINE = MergeTree ORDER BY (symbol, ts)
