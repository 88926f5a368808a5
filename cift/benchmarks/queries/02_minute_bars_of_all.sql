-- one-minute bars of every symbol
SELECT
  symbol, toStartOfMinute(ts) AS minute,
  argMin(price, ts) AS open, max(price) AS high, min(price) AS low, argMax(price, ts) AS close,
  sum(quantity) AS volume, sum(price * quantity) / sum(quantity) AS vwap
FROM {table:Identifier}
GROUP BY symbol, minute
ORDER BY symbol, minute
