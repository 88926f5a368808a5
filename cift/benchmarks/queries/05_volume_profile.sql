-- volume at each price of one symbol
SELECT
  price, count() AS trades, sum(quantity) AS volume, sumIf(quantity, side > 0) AS bought,
  volume / sum(volume) OVER () AS share
FROM {table:Identifier}
WHERE symbol = {symbol:String}
GROUP BY price
ORDER BY price
