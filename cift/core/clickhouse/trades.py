"""The query for the newest trades of a symbol."""

from __future__ import annotations

from cift.core.clickhouse.bars import Query, check_symbol

_TRADES = """
SELECT toUnixTimestamp64Nano(ticks.ts) AS ts, price, quantity, toString(side) AS side, seq,
       toUInt32(ticks.pos_high * 65536 + ticks.pos) AS pos
FROM ticks_analytics AS ticks
WHERE symbol = {symbol:String} AND ticks.ts <= fromUnixTimestamp64Nano({ts:Int64}, 'UTC')
  AND (ticks.ts, seq, ticks.pos_high * 65536 + ticks.pos)
    < (fromUnixTimestamp64Nano({ts:Int64}, 'UTC'), {seq:UInt64}, {pos:UInt64})
ORDER BY ticks.ts DESC, seq DESC, ticks.pos_high DESC, ticks.pos DESC
LIMIT {limit:UInt64}
"""


def trades_query(symbol: str, *, before: tuple[int, int, int], limit: int) -> Query:
    """Return the query for trades before one with that (ts in ns, seq, pos), newest first."""
    ts, seq, pos = before
    return Query(_TRADES, {"symbol": check_symbol(symbol), "ts": ts, "seq": seq, "pos": pos, "limit": limit})
