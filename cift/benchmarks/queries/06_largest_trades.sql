-- the five largest trades of every symbol
SELECT symbol, ts, price, quantity, price * quantity AS notional
FROM {table:Identifier}
ORDER BY symbol, notional DESC, ts
LIMIT 5 BY symbol
