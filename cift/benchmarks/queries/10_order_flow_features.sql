-- a day's order-flow features of every symbol, by minute
-- ofi: R. Cont, A. Kukanov, S. Stoikov, The Price Impact of Order Book Events (2014), eq. 4. lambda: the slope of the
-- mid's changes over signed volume, after A. Kyle, Continuous Auctions and Insider Trading (1985).
SELECT
  symbol, toStartOfMinute(ts) AS minute,
  sum(
    (bid >= bid_before) * bid_size - (bid <= bid_before) * bid_size_before
    - (ask <= ask_before) * ask_size + (ask >= ask_before) * ask_size_before
  ) AS ofi,
  sum(side * quantity) / sum(quantity) AS trade_imbalance,
  avg((bid_size - ask_size) / (bid_size + ask_size)) AS book_imbalance,
  avg((bid * ask_size + ask * bid_size) / (bid_size + ask_size)) AS microprice,
  sum(price * quantity) / sum(quantity) AS vwap,
  avg(ask - bid) AS spread,
  sqrt(sum(pow(log((bid + ask) / (bid_before + ask_before)), 2))) AS volatility,
  covarPop((bid + ask - bid_before - ask_before) / 2, side * quantity) / varPop(side * quantity) AS lambda
FROM (
  SELECT
    symbol, ts, price, quantity, side, bid, ask, bid_size, ask_size,
    lagInFrame(bid, 1, 0.) OVER w AS bid_before, lagInFrame(ask, 1, 0.) OVER w AS ask_before,
    lagInFrame(bid_size, 1, 0.) OVER w AS bid_size_before, lagInFrame(ask_size, 1, 0.) OVER w AS ask_size_before
  FROM {table:Identifier}
  WINDOW w AS (PARTITION BY symbol ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE bid_before > 0
GROUP BY symbol, minute
HAVING count() > 2
ORDER BY symbol, minute
