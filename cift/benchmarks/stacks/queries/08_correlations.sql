-- correlation of one-minute returns of every pair of symbols
WITH bars AS (
  SELECT symbol, date_trunc('minute', ts) AS minute, max(ts) AS last
  FROM ticks
  GROUP BY 1, 2
), returns AS MATERIALIZED (
  SELECT symbol, minute, ln(close / before) AS r
  FROM (
    SELECT bars.symbol, minute, price AS close, lag(price) OVER (PARTITION BY bars.symbol ORDER BY minute) AS before
    FROM bars
    JOIN ticks ON ticks.symbol = bars.symbol AND ticks.ts = last
  ) AS closes
  WHERE before > 0
)
SELECT a.symbol AS one, b.symbol AS other, count(*) AS minutes, corr(a.r, b.r) AS correlation
FROM returns AS a
JOIN returns AS b ON a.minute = b.minute AND a.symbol < b.symbol
GROUP BY 1, 2
ORDER BY 1, 2
