-- The intraday tick store: what the stream MARKET_DATA brought, days rather than years of it; history is ClickHouse's.
-- The keys make a row that comes twice one row, so that the recorder may always repeat what it isn't sure of.
-- Every statement may be run again. QuestDB takes no parameters: what a table keeps is changed by a new file.

-- Trades as the market sees them. seq and pos name the event that the trade is, stream_seq is its message's place.
CREATE TABLE IF NOT EXISTS trades (
    ts TIMESTAMP_NS,
    symbol SYMBOL CAPACITY 4096,
    side SYMBOL CAPACITY 4,
    price DOUBLE,
    quantity DOUBLE,
    seq LONG,
    pos INT,
    stream_seq LONG
) TIMESTAMP(ts) PARTITION BY DAY TTL 7 DAYS WAL
DEDUP UPSERT KEYS(ts, symbol, seq, pos);

-- The best price of each side after each command that moved the book; null where a side is empty.
CREATE TABLE IF NOT EXISTS book_top (
    ts TIMESTAMP_NS,
    symbol SYMBOL CAPACITY 4096,
    bid_price DOUBLE,
    bid_quantity DOUBLE,
    ask_price DOUBLE,
    ask_quantity DOUBLE,
    seq LONG,
    stream_seq LONG
) TIMESTAMP(ts) PARTITION BY DAY TTL 3 DAYS WAL
DEDUP UPSERT KEYS(ts, symbol, seq);
