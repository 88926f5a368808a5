"""What the core made of messages, as Arrow tables: its buffers are used where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

Columns: TypeAlias = Mapping[str, tuple[Sequence[Any], Sequence[str] | None]]
"""A table as `cift_core.recording` gives it: for each column its buffers, and the words that its values count."""


def to_table(columns: Columns, schema: pa.Schema) -> pa.Table:
    """Return the columns that a schema of `cift.core.clickhouse.rows` names, in its order.

    Words stay a dictionary, which ClickHouse takes for LowCardinality and Enum columns as they are.
    """
    rows = len(columns["stream_seq"][0][1])
    arrays = [_array(columns[field.name], field.type, rows) for field in schema]
    return pa.Table.from_arrays(arrays, names=schema.names)


def _array(column: tuple[Sequence[Any], Sequence[str] | None], kind: pa.DataType, rows: int) -> pa.Array:
    buffers, words = column
    if words is None:
        return pa.Array.from_buffers(kind, rows, [None if each is None else pa.py_buffer(each) for each in buffers])
    return pa.DictionaryArray.from_arrays(pa.array(buffers[1]), pa.array(words, kind))
