-- the five largest trades of every symbol
SELECT symbol, ts, price, quantity, notional
FROM (
  SELECT
    symbol, ts, price, quantity, price * quantity AS notional,
    row_number() OVER (PARTITION BY symbol ORDER BY price * quantity DESC, ts) AS place
  FROM ticks
) AS ranked
WHERE place <= 5
ORDER BY symbol, notional DESC, ts
