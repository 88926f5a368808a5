-- what a trade of one symbol earned after a second and after ten
SELECT
  seconds, side, count() AS trades, avg(side * (quote.mid - trade.price)) AS markout
FROM (
  SELECT symbol, side, price, arrayJoin([1, 10]) AS seconds, ts + toIntervalSecond(seconds) AS later
  FROM {table:Identifier}
  WHERE symbol = {symbol:String}
) AS trade
ASOF INNER JOIN (
  SELECT symbol, ts, (bid + ask) / 2 AS mid
  FROM {table:Identifier}
  WHERE symbol = {symbol:String}
) AS quote ON trade.symbol = quote.symbol AND trade.later >= quote.ts
GROUP BY seconds, side
ORDER BY seconds, side
