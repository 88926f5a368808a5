-- one-minute bars of one symbol
SELECT
  toStartOfMinute(ts) AS minute,
  argMin(price, ts) AS open, max(price) AS high, min(price) AS low, argMax(price, ts) AS close,
  sum(quantity) AS volume, sum(price * quantity) / sum(quantity) AS vwap
FROM {table:Identifier}
WHERE symbol = {symbol:String}
GROUP BY minute
ORDER BY minute
