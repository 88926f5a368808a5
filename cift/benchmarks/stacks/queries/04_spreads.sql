-- quoted and effective spread and depth of every symbol, by hour
SELECT
  symbol, date_trunc('hour', ts) AS hour,
  avg(ask - bid) AS quoted,
  avg(20000 * (ask - bid) / (ask + bid)) AS quoted_bp,
  sum(2 * abs(price - (bid + ask) / 2) * quantity) / sum(quantity) AS effective,
  avg(bid_size + ask_size) AS depth
FROM ticks
GROUP BY 1, 2
ORDER BY 1, 2
