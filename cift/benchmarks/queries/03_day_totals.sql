-- the day's totals of every symbol
SELECT
  symbol, count() AS trades, sum(quantity) AS volume, sum(price * quantity) AS turnover, turnover / volume AS vwap,
  max(price) AS high, min(price) AS low, sum(side * quantity) AS net
FROM {table:Identifier}
GROUP BY symbol
ORDER BY symbol
