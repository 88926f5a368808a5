-- see minute_bars
WITH bars AS (
  SELECT
    symbol, date_trunc('minute', ts) AS minute, min(ts) AS first, max(ts) AS last, max(price) AS high,
    min(price) AS low, sum(quantity) AS volume, sum(price * quantity) / sum(quantity) AS vwap
  FROM ticks
  GROUP BY 1, 2
)
SELECT bars.symbol, minute, one.price AS open, high, low, other.price AS close, volume, vwap
FROM bars
JOIN ticks AS one ON one.symbol = bars.symbol AND one.ts = first
JOIN ticks AS other ON other.symbol = bars.symbol AND other.ts = last
ORDER BY symbol, minute
