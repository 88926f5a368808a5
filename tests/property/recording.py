"""What the core makes of messages, as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cift_core.nats import Stored
from cift_core.recording import Positions, record_events, record_trades

from cift.core.clickhouse import rows as schemas
from cift.core.messages import AnyEvent, AnyMarketData
from cift.core.recording.columns import Columns, to_table
from cift.core.serialization import encode

Row = dict[str, Any]
LeftOut = list[tuple[int, str]]


def stored(
    messages: Iterable[AnyEvent | AnyMarketData | bytes], first: int = 1, write: Callable[[Any], bytes] = encode
) -> list[Stored]:
    """Return messages as a stream has them, from sequence `first` on."""
    data = (each if isinstance(each, bytes) else write(each) for each in messages)
    return [Stored(seq, "subject", each) for seq, each in enumerate(data, first)]


def _rows(columns: Columns, schema: Any) -> list[Row]:
    table = to_table(columns, schema)
    moments = [moment.value for moment in table["ts"]]
    return [row | {"ts": ts} for row, ts in zip(table.drop_columns("ts").to_pylist(), moments, strict=True)]


def of_events(
    messages: list[Stored], positions: Positions | None = None, after: int = 0
) -> tuple[Mapping[str, list[Row]], list[Any], LeftOut]:
    """Return the rows of each table, what is told of accounts, and what is left out."""
    positions = Positions(0.0) if positions is None else positions
    executions, orders, held, told, left_out = record_events(messages, positions, after)
    rows = {
        "executions": _rows(executions, schemas.EXECUTIONS),
        "orders": _rows(orders, schemas.ORDER_EVENTS),
        "positions": _rows(held, schemas.POSITIONS),
    }
    return rows, told, left_out


def of_trades(messages: list[Stored]) -> tuple[list[Row], LeftOut]:
    """Return the rows of ticks_analytics, and what is left out."""
    ticks, left_out = record_trades(messages)
    return _rows(ticks, schemas.TICKS), left_out
