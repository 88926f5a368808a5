"""The queries for an account's orders and fills in the table order_events."""

from __future__ import annotations

from cift.core.clickhouse.bars import Query

# An order is first accepted or rejected; `set` events say what is left of it, `gone` ones what was taken off since.
_ORDERS = """
SELECT order_id,
       any(events.symbol) AS symbol,
       toUnixTimestamp64Nano(min(events.ts)) AS ts,
       toUnixTimestamp64Nano(max(events.ts)) AS updated_ts,
       countIf(kind = 'rejected') > 0 AS rejected,
       countIf(kind = 'cancelled') > 0 AS cancelled,
       argMaxIf(events.price, stream_seq, kind IN ('accepted', 'modified')) AS price,
       sumIf(events.quantity, kind = 'fill') AS filled,
       sumIf(events.quantity * events.price, kind = 'fill') AS traded,
       argMaxIf(events.quantity, stream_seq, kind IN ('accepted', 'modified', 'reduced')) AS set,
       maxIf(stream_seq, kind IN ('accepted', 'modified', 'reduced')) AS since,
       groupArrayIf((stream_seq, events.quantity), kind IN ('fill', 'cancelled')) AS gone,
       set - arraySum(arrayMap(each -> if(each.1 > since, each.2, 0.), gone)) AS remaining,
       argMaxIf(toString(events.reason), stream_seq, kind IN ('rejected', 'cancelled')) AS reason
FROM order_events AS events FINAL
WHERE account_id = {account:UInt64} AND order_id < {before:UInt64}
  AND ({symbol:String} = '' OR events.symbol = {symbol:String})
GROUP BY order_id
HAVING NOT {open:Bool} OR remaining > {speck:Float64}
ORDER BY order_id DESC
LIMIT {limit:UInt64}
"""

_FILLS = """
SELECT command_seq, pos, toUnixTimestamp64Nano(ts) AS ts, order_id, toString(symbol) AS symbol,
       toString(side) AS side, toString(liquidity) AS liquidity, price, quantity
FROM order_events FINAL
WHERE account_id = {account:UInt64} AND kind = 'fill'
  AND (command_seq, pos, order_id) < ({before:UInt64}, {pos:UInt64}, {order:UInt64})
  AND ({symbol:String} = '' OR symbol = {symbol:String})
ORDER BY command_seq DESC, pos DESC, order_id DESC
LIMIT {limit:UInt64}
"""

# Sums of doubles: less than any lot is nothing.
_SPECK = 1e-12
NEWEST = 2**63 - 1
Bound = dict[str, int | float | str]


def orders_query(account_id: int, *, symbol: str = "", open_only: bool, before: int, limit: int) -> Query:
    """Return the query for an account's orders with ids below `before`, newest first.

    Columns: order_id, symbol, ts, updated_ts (ns), rejected, cancelled, price, filled, traded (sum of price times
    quantity), remaining, reason. A mass cancel that was rejected looks as an order here: the journal tells them apart.
    """
    bound: Bound = {
        "account": account_id,
        "symbol": symbol,
        "open": open_only,
        "before": before,
        "limit": limit,
        "speck": _SPECK,
    }
    return Query(_ORDERS, bound)


def fills_query(
    account_id: int, *, symbol: str = "", before: tuple[int, int, int] = (NEWEST, 0, 0), limit: int
) -> Query:
    """Return the query for an account's fills before one with that (command_seq, pos, order_id), newest first."""
    bound: Bound = {"account": account_id, "symbol": symbol, "limit": limit}
    return Query(_FILLS, bound | dict(zip(("before", "pos", "order"), before, strict=True)))
