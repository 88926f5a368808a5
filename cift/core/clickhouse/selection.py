"""What may be asked of a table's rows, and the query for it: names are this module's alone, values are bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cift.core.clickhouse.bars import Instant, Query, check_symbol, period


@dataclass(frozen=True, slots=True)
class Table:
    """A table: how its rows are ordered, which columns are words, by which columns they are chosen.

    `once`: it may hold several versions of a row until it merges them, of which only the last one counts. `halved`: it
    has the position among a command's events in two columns, of which one number is made.
    """

    name: str
    order: str
    words: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=lambda: {"symbol": "String"})
    once: bool = True
    halved: bool = False


TICKS = Table("ticks_analytics", "ts, seq, t.pos_high, t.pos", ("symbol", "side"), once=False, halved=True)
EXECUTIONS = Table("trade_executions", "ts, command_seq, t.pos_high, t.pos", ("symbol", "side"), halved=True)
BOOKS = Table("order_book_snapshots", "ts, seq", ("symbol",))
FEATURES = Table("order_flow_features", "ts", ("symbol",), {"symbol": "String", "window_ms": "UInt32"})
INDICATORS = Table(
    "technical_indicators",
    "ts, indicator",
    ("symbol", "interval", "indicator"),
    {"symbol": "String", "interval": "String", "indicator": "String"},
)
POSITIONS = Table(
    "position_history_analytics", "ts, stream_seq", ("symbol",), {"account_id": "UInt64", "symbol": "String"}
)
STRATEGIES = Table(
    "strategy_performance",
    "ts, strategy, account_id",
    ("strategy", "period"),
    {"strategy": "String", "account_id": "UInt64", "period": "String"},
)
ACCOUNTS = Table("account_snapshots", "ts", ("currency",), {"account_id": "UInt64"})


def check_user(user_id: int) -> int:
    """Return the account's number if it is one."""
    if isinstance(user_id, bool) or not isinstance(user_id, int) or not 0 <= user_id < 2**64:
        raise ValueError(f"user_id: found {user_id!r}, expected an account's number")
    return user_id


def check_limit(limit: int | None) -> int | None:
    """Return how many rows at most; None for all."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit: found {limit!r}, expected at least 1")
    return limit


def rows_query(
    table: Table,
    start: Instant,
    end: Instant,
    *,
    limit: int | None = None,
    where: str = "",
    more: Mapping[str, int] | None = None,
    **keys: int | str | None,
) -> Query:
    """Return the query for a table's rows of [start, end), oldest first, where each key that isn't None is equal.

    `where` is another condition, written by this package, with its values in `more`.

    Raises:
        ValueError: a symbol or a moment that is none, an end that isn't after the start, a limit below 1.
    """
    first, last = period(start, end)
    params: dict[str, int | str] = {"first": first, "last": last, **(more or {})}
    conditions = [
        "t.ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC')",
        "t.ts < fromUnixTimestamp64Nano({last:Int64}, 'UTC')",
    ]
    for name, value in keys.items():
        if value is None:
            continue
        params[name] = check_symbol(value) if name == "symbol" else value  # type: ignore[arg-type]
        conditions.append(f"t.{name} = {{{name}:{table.keys[name]}}}")
    made = [f"toString(t.{name}) AS {name}" for name in table.words]
    columns = "*"
    if table.halved:
        columns = "* EXCEPT (pos_high)"
        made.append("toUInt32(t.pos_high * 65536 + t.pos) AS pos")
    sql = f"SELECT {columns} REPLACE ({', '.join(made)}) FROM {table.name} AS t" + (" FINAL" if table.once else "")  # noqa: S608
    sql += f" WHERE {' AND '.join([*conditions, *([where] if where else [])])} ORDER BY {table.order}"
    if check_limit(limit) is not None:
        params["limit"] = limit  # type: ignore[assignment]
        sql += " LIMIT {limit:UInt64}"
    return Query(sql, params)
