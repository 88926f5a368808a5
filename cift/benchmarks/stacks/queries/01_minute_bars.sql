-- first and last of a minute by its first and last moment: less work than sorting every minute's prices
WITH bars AS (
  SELECT
    date_trunc('minute', ts) AS minute, min(ts) AS first, max(ts) AS last, max(price) AS high, min(price) AS low,
    sum(quantity) AS volume, sum(price * quantity) / sum(quantity) AS vwap
  FROM ticks
  WHERE symbol = $1
  GROUP BY 1
)
SELECT minute, one.price AS open, high, low, other.price AS close, volume, vwap
FROM bars
JOIN ticks AS one ON one.symbol = $1 AND one.ts = first
JOIN ticks AS other ON other.symbol = $1 AND other.ts = last
ORDER BY minute
