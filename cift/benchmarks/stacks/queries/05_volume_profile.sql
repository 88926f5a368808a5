-- volume at each price of one symbol
SELECT
  price, count(*) AS trades, sum(quantity) AS volume, coalesce(sum(quantity) FILTER (WHERE side > 0), 0) AS bought,
  sum(quantity) / sum(sum(quantity)) OVER () AS share
FROM ticks
WHERE symbol = $1
GROUP BY price
ORDER BY price
