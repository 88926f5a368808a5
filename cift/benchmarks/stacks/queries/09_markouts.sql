-- the quote at a moment is the last one before it: the index finds it, and stops there
SELECT seconds, side, count(*) AS trades, avg(side * (mid - price)) AS markout
FROM (
  SELECT seconds, side, price, (
    SELECT (quote.bid + quote.ask) / 2
    FROM ticks AS quote
    WHERE quote.symbol = $1 AND quote.ts <= trade.ts + seconds * interval '1 second'
    ORDER BY quote.ts DESC
    LIMIT 1
  ) AS mid
  FROM ticks AS trade, (VALUES (1), (10)) AS horizons (seconds)
  WHERE trade.symbol = $1
) AS marked
GROUP BY 1, 2
ORDER BY 1, 2
