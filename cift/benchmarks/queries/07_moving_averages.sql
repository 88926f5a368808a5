-- moving averages and bands of every symbol's one-minute closes
SELECT
  symbol, minute, close,
  avg(close) OVER w AS middle,
  middle - 2 * stddevPop(close) OVER w AS lower,
  middle + 2 * stddevPop(close) OVER w AS upper
FROM (
  SELECT symbol, toStartOfMinute(ts) AS minute, argMax(price, ts) AS close
  FROM {table:Identifier}
  GROUP BY symbol, minute
)
WINDOW w AS (PARTITION BY symbol ORDER BY minute ROWS BETWEEN 19 PRECEDING AND CURRENT ROW)
ORDER BY symbol, minute
