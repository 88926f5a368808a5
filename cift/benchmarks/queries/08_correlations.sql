-- correlation of one-minute returns of every pair of symbols
WITH returns AS (
  SELECT symbol, minute, log(close / before) AS r
  FROM (
    SELECT
      symbol, minute, close,
      lagInFrame(close, 1, 0.) OVER (
        PARTITION BY symbol ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS before
    FROM (
      SELECT toString(symbol) AS symbol, toStartOfMinute(ts) AS minute, argMax(price, ts) AS close
      FROM {table:Identifier}
      GROUP BY symbol, minute
    )
  )
  WHERE before > 0
)
SELECT a.symbol AS one, b.symbol AS other, count() AS minutes, corr(a.r, b.r) AS correlation
FROM returns AS a
INNER JOIN returns AS b ON a.minute = b.minute
WHERE a.symbol < b.symbol
GROUP BY one, other
ORDER BY one, other
