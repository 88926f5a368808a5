"""What is inserted: the columns of the tables that streams feed, and how rows become an Arrow table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa

_TIME = pa.timestamp("ns", "UTC")

EXECUTIONS = pa.schema(
    [
        pa.field("stream_seq", pa.uint64(), nullable=False),
        pa.field("command_seq", pa.uint64(), nullable=False),
        pa.field("pos", pa.uint16(), nullable=False),
        pa.field("ts", _TIME, nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("side", pa.string(), nullable=False),
        pa.field("price", pa.float64(), nullable=False),
        pa.field("quantity", pa.float64(), nullable=False),
        pa.field("taker_order_id", pa.uint64(), nullable=False),
        pa.field("taker_user_id", pa.uint64(), nullable=False),
        pa.field("maker_order_id", pa.uint64(), nullable=False),
        pa.field("maker_user_id", pa.uint64(), nullable=False),
    ]
)
"""Columns of trade_executions; `notional` is made by the table."""

TICKS = pa.schema(
    [
        pa.field("ts", _TIME, nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("price", pa.float64(), nullable=False),
        pa.field("quantity", pa.float64(), nullable=False),
        pa.field("side", pa.string(), nullable=False),
        pa.field("seq", pa.uint64(), nullable=False),
        pa.field("pos", pa.uint16(), nullable=False),
        pa.field("stream_seq", pa.uint64(), nullable=False),
    ]
)
"""Columns of ticks_analytics."""

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
        else:
            table = pa.Table.from_pylist(
                [dict(row) for row in rows], schema=schema if _same_columns(rows, schema) else None
            )
        if schema is None:
            return table
        missing = [name for name in schema.names if name not in table.column_names]
        unknown = [name for name in table.column_names if name not in schema.names]
        if missing or unknown:
            raise ValueError(f"columns: missing {missing}, unknown {unknown}; expected {schema.names}")
        table = table.select(schema.names)
        for name in schema.names:
            if table.column(name).null_count and not schema.field(name).nullable:
                raise ValueError(f"{name}: found an empty value, expected one in every row")
        return table.cast(schema)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise ValueError(f"rows don't fit the table: {error}") from None


def _same_columns(rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None) -> bool:
    return schema is not None and all(set(row) == set(schema.names) for row in rows)
