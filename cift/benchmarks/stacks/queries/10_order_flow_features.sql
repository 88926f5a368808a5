-- a day's order-flow features of every symbol, by minute
SELECT
  symbol, date_trunc('minute', ts) AS minute,
  sum(
    CASE WHEN bid >= bid_before THEN bid_size ELSE 0 END - CASE WHEN bid <= bid_before THEN bid_size_before ELSE 0 END
    - CASE WHEN ask <= ask_before THEN ask_size ELSE 0 END + CASE WHEN ask >= ask_before THEN ask_size_before ELSE 0 END
  ) AS ofi,
  sum(side * quantity) / sum(quantity) AS trade_imbalance,
  avg((bid_size - ask_size) / (bid_size + ask_size)) AS book_imbalance,
  avg((bid * ask_size + ask * bid_size) / (bid_size + ask_size)) AS microprice,
  sum(price * quantity) / sum(quantity) AS vwap,
  avg(ask - bid) AS spread,
  sqrt(sum(power(ln((bid + ask) / (bid_before + ask_before)), 2))) AS volatility,
  regr_slope((bid + ask - bid_before - ask_before) / 2, side * quantity) AS lambda
FROM (
  SELECT
    symbol, ts, price, quantity, side, bid, ask, bid_size, ask_size,
    lag(bid) OVER w AS bid_before, lag(ask) OVER w AS ask_before,
    lag(bid_size) OVER w AS bid_size_before, lag(ask_size) OVER w AS ask_size_before
  FROM ticks
  WINDOW w AS (PARTITION BY symbol ORDER BY ts)
) AS changes
WHERE bid_before > 0
GROUP BY 1, 2
HAVING count(*) > 2
ORDER BY 1, 2
