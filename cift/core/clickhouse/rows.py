"""What is inserted: the columns of the tables, and how rows become an Arrow table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

_TIME, _MILLISECONDS = pa.timestamp("ns", "UTC"), pa.timestamp("ms", "UTC")
_WORD, _NUMBER = pa.string(), pa.float64()
_MONEY = pa.decimal128(38, 8)


def _schema(*may_be_empty: str, **columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=name in may_be_empty) for name, kind in columns.items()])


EXECUTIONS = _schema(
    stream_seq=pa.uint64(), command_seq=pa.uint64(), pos=pa.uint16(), pos_high=pa.uint16(), ts=_TIME, symbol=_WORD,
    side=_WORD, price=_NUMBER, quantity=_NUMBER, taker_order_id=pa.uint64(), taker_user_id=pa.uint64(),
    maker_order_id=pa.uint64(), maker_user_id=pa.uint64(),
)  # fmt: skip
"""Columns of trade_executions; `notional` is made by the table. For the two of a position see `in_halves`."""

TICKS = _schema(
    ts=_TIME, symbol=_WORD, price=_NUMBER, quantity=_NUMBER, side=_WORD, seq=pa.uint64(), pos=pa.uint16(),
    pos_high=pa.uint16(), stream_seq=pa.uint64(),
)  # fmt: skip
"""Columns of ticks_analytics; for the two of a position see `in_halves`."""

ORDER_EVENTS = _schema(
    "price",
    stream_seq=pa.uint64(), command_seq=pa.uint64(), pos=pa.uint32(), ts=_TIME, account_id=pa.uint64(),
    order_id=pa.uint64(), symbol=_WORD, kind=_WORD, side=_WORD, liquidity=_WORD, price=_NUMBER, quantity=_NUMBER,
    client_order_id=_WORD, reason=_WORD,
)  # fmt: skip
"""Columns of order_events."""

POSITIONS = _schema(
    ts=_TIME, account_id=pa.uint64(), symbol=_WORD, stream_seq=pa.uint64(), quantity=_NUMBER, average_price=_NUMBER,
    realized_pnl=_NUMBER, unrealized_pnl=_NUMBER, mark_price=_NUMBER,
)  # fmt: skip
"""Columns of position_history_analytics."""

BOOKS = _schema(
    ts=_TIME, symbol=_WORD, seq=pa.uint64(), bid_prices=pa.list_(_NUMBER), bid_quantities=pa.list_(_NUMBER),
    ask_prices=pa.list_(_NUMBER), ask_quantities=pa.list_(_NUMBER),
)  # fmt: skip
"""Columns of order_book_snapshots."""

INDICATORS = _schema(ts=_MILLISECONDS, symbol=_WORD, interval=_WORD, indicator=_WORD, value=_NUMBER)
"""Columns of technical_indicators."""

FEATURES = _schema(
    ts=_TIME, symbol=_WORD, window_ms=pa.uint32(), ofi=_NUMBER, vpin=_NUMBER, microprice=_NUMBER, spread=_NUMBER,
    buy_volume=_NUMBER, sell_volume=_NUMBER,
)  # fmt: skip
"""Columns of order_flow_features."""

STRATEGIES = _schema(
    "sharpe",
    ts=_MILLISECONDS, strategy=_WORD, account_id=pa.uint64(), period=_WORD, pnl=_NUMBER, turnover=_NUMBER,
    sharpe=_NUMBER, max_drawdown=_NUMBER, trades=pa.uint64(), winning_trades=pa.uint64(),
)  # fmt: skip
"""Columns of strategy_performance; a Sharpe ratio of too few periods is empty."""

ACCOUNTS = _schema(
    ts=_MILLISECONDS, account_id=pa.uint64(), currency=_WORD, cash=_MONEY, equity=_MONEY, margin_used=_MONEY,
    realized_pnl=_MONEY, unrealized_pnl=_MONEY, leverage=_NUMBER,
)  # fmt: skip
"""Columns of account_snapshots; amounts may be given as Decimal, int or float."""

Rows: TypeAlias = pl.DataFrame | pa.Table | Sequence[Mapping[str, Any]]
"""Rows to insert: a frame, an Arrow table, or a sequence of mappings; `ts` may be nanoseconds since 1970."""


def to_arrow(rows: Rows, schema: pa.Schema | None = None) -> pa.Table:
    """Return rows as an Arrow table; with a `schema`, of exactly its columns and types.

    Raises:
        ValueError: a column is missing or unknown, or a value doesn't fit its type.
    """
    try:
        if isinstance(rows, pa.Table):
            table = rows
        elif isinstance(rows, pl.DataFrame):
            table = rows.to_arrow()
        elif schema is not None and (quick := _whole_rows(rows, schema)) is not None:
            return quick
        else:
            table = pa.Table.from_pylist([dict(row) for row in rows])
        if schema is None:
            return table
        missing = [name for name in schema.names if name not in table.column_names]
        unknown = [name for name in table.column_names if name not in schema.names]
        if missing or unknown:
            raise ValueError(f"columns: missing {missing}, unknown {unknown}; expected {schema.names}")
        table = table.select(schema.names)
        if empty := _empty(table, schema):
            raise ValueError(f"{empty}: found an empty value, expected one in every row")
        return _moments(table, schema).cast(schema)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise ValueError(f"rows don't fit the table: {error}") from None


def in_halves(rows: Rows, schema: pa.Schema) -> pa.Table:
    """Return rows whose `pos` is a whole position as a table of a `schema` that has it in `pos` and `pos_high`.

    Raises:
        ValueError: as of `to_arrow`.
    """
    given = [each.with_type(pa.uint32()) if each.name == "pos" else each for each in schema if each.name != "pos_high"]
    table = to_arrow(rows, pa.schema(given))
    whole = table["pos"]
    halves = {"pos": pc.bit_wise_and(whole, 0xFFFF), "pos_high": pc.shift_right(whole, 16)}
    columns = [halves[name] if name in halves else table[name] for name in schema.names]
    return pa.Table.from_arrays(columns, names=schema.names).cast(schema)


def _whole_rows(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table | None:
    """Return rows that have every column and no other; None for any else, which are looked at more closely."""
    columns = len(schema)
    if any(len(row) != columns for row in rows):
        return None
    table = pa.Table.from_pylist(rows, schema=_in_nanoseconds(schema))
    # What a row hasn't got is empty here.
    return None if _empty(table, schema) else _moments(table, schema).cast(schema)


def _empty(table: pa.Table, schema: pa.Schema) -> str:
    """Return the first column with an empty value that it may not have."""
    required = (field.name for field in schema if not field.nullable)
    return next((name for name in required if table.column(name).null_count), "")


def _in_nanoseconds(schema: pa.Schema) -> pa.Schema:
    """Return the schema with moments as they are given: a whole number is nanoseconds, whatever a table keeps."""
    fields = [field.with_type(_TIME) if field.type == _MILLISECONDS else field for field in schema]
    return pa.schema(fields)


def _moments(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with its moments in the schema's unit; what is finer than that is cut off."""
    for at, field in enumerate(schema):
        column = table.column(at)
        if pa.types.is_timestamp(field.type) and column.type != field.type:
            if pa.types.is_integer(column.type):
                column = column.cast(pa.int64()).cast(_TIME)
            table = table.set_column(at, field.name, column.cast(field.type, safe=False))
    return table
