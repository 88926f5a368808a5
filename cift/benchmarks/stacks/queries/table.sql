-- The same ticks in PostgreSQL: filled by COPY in the order of its index, so that neighbours of a symbol are neighbours
CREATE TABLE ticks (
  ts timestamptz NOT NULL,
  symbol text NOT NULL,
  price double precision NOT NULL,
  quantity double precision NOT NULL,
  side smallint NOT NULL,
  bid double precision NOT NULL,
  ask double precision NOT NULL,
  bid_size double precision NOT NULL,
  ask_size double precision NOT NULL
)
