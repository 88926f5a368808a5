-- the day's totals of every symbol
SELECT
  symbol, count(*) AS trades, sum(quantity) AS volume, sum(price * quantity) AS turnover,
  sum(price * quantity) / sum(quantity) AS vwap, max(price) AS high, min(price) AS low, sum(side * quantity) AS net
FROM ticks
GROUP BY symbol
ORDER BY symbol
