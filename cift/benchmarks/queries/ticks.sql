-- 390 minutes of trading from a fixed moment, the same ticks in every run: two waves of each symbol's own and a hash of
-- the row's number stand for a market. Moments are whole microseconds, for databases that know no finer ones.
INSERT INTO {table:Identifier}
SELECT
  toDateTime64('2024-01-02 14:30:00', 9, 'UTC')
    + toIntervalMicrosecond(intDiv(number * 23400000000, {ticks:UInt64})) AS ts,
  concat('SYM', toString(s)) AS symbol,
  if(side > 0, ask, bid) AS price,
  1 + cityHash64(number, 2) % 100 AS quantity,
  if(cityHash64(number, 3) % 2 = 1, 1, -1) AS side,
  bid_ticks / 100 AS bid,
  (bid_ticks + 1 + cityHash64(number, 4) % 3) / 100 AS ask,
  100 * (1 + cityHash64(number, 5) % 50) AS bid_size,
  100 * (1 + cityHash64(number, 6) % 50) AS ask_size
FROM (
  SELECT
    number,
    cityHash64(number) % 50 AS s,
    number / {ticks:UInt64} AS t,
    toInt64(round(
      10000 + 37 * s + 400 * sin(2 * pi() * t * (1 + s % 7) + s) + 60 * sin(2 * pi() * t * (97 + s) + 3 * s)
    )) + cityHash64(number, 1) % 5 AS bid_ticks
  FROM numbers({ticks:UInt64})
)
