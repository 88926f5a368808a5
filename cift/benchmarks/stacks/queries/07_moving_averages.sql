-- moving averages and bands of every symbol's one-minute closes
WITH bars AS (
  SELECT symbol, date_trunc('minute', ts) AS minute, max(ts) AS last
  FROM ticks
  GROUP BY 1, 2
), closes AS (
  SELECT bars.symbol, minute, price AS close
  FROM bars
  JOIN ticks ON ticks.symbol = bars.symbol AND ticks.ts = last
)
SELECT
  symbol, minute, close,
  avg(close) OVER w AS middle,
  avg(close) OVER w - 2 * stddev_pop(close) OVER w AS lower,
  avg(close) OVER w + 2 * stddev_pop(close) OVER w AS upper
FROM closes
WINDOW w AS (PARTITION BY symbol ORDER BY minute ROWS BETWEEN 19 PRECEDING AND CURRENT ROW)
ORDER BY symbol, minute
