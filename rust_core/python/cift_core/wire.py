"""Messages and batches of ticks as Cap'n Proto, by the schemas of `cift/schema`.

`MessageCodec` writes and reads whole messages of the classes it is given, and batches of them. `TickBatch` holds many
trades by column; its columns are views of the message's own bytes. Bytes that are no such message raise WireError, a
ValueError with the `offset` and the `field` at fault. `bytes` are read in place, bytearray and memoryview copied first.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cift_core._native import MessageBatch, MessageCodec, WireError, encode_ticks, event_head, tick_layout

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TICK_COLUMNS", "MessageBatch", "MessageCodec", "TickBatch", "WireError", "event_head"]

TICK_COLUMNS: dict[str, np.dtype[Any]] = {
    "symbol": np.dtype("<u4"),
    "ts": np.dtype("<i8"),
    "price": np.dtype("<f8"),
    "quantity": np.dtype("<f8"),
    "side": np.dtype("<i1"),
    "seq": np.dtype("<u8"),
    "pos": np.dtype("<u4"),
}
"""The columns of a batch: index into its symbols, nanoseconds since 1970, ..., side 1, -1 or 0, as in ticks.capnp."""

_CODES = {"i1": "b", "u4": "I", "i8": "q", "u8": "Q", "f8": "d"}
_NUMBERS = {name: struct.Struct("<" + _CODES[dtype.str[1:]]) for name, dtype in TICK_COLUMNS.items()}
_WRITERS_CHOICE = ("seq", "pos")


class TickBatch:
    """Trades in one Cap'n Proto message; opening it costs the same however long it is: values are read when asked."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        """Open a batch; WireError if `data` is none."""
        self._data = data if isinstance(data, bytes) else bytes(memoryview(data))
        self._rows, self.symbols, self._offsets = tick_layout(self._data)

    @classmethod
    def encode(cls, symbols: Sequence[str], columns: Mapping[str, Any] | np.ndarray[Any, Any]) -> bytes:
        """Return ticks as a message.

        Args:
            symbols: the instruments that column `symbol` counts.
            columns: one array per name of TICK_COLUMNS, of one length; or a structured array with these fields. `seq`
                and `pos` may be left out: zeros.

        Raises:
            WireError: columns of different lengths, an index without a symbol, a side that is none, more than 64 MiB.
            TypeError: values that their column's type cannot carry without loss.
            KeyError: a column is missing.
        """
        names = columns.dtype.names or () if isinstance(columns, np.ndarray) else columns
        rows = len(columns["ts"])
        taken = {
            name: np.zeros(rows, dtype) if name in _WRITERS_CHOICE and name not in names else _as(name, columns[name])
            for name, dtype in TICK_COLUMNS.items()
        }
        return encode_ticks(list(symbols), **taken)

    @classmethod
    def encode_arrow(cls, batch: pa.RecordBatch) -> bytes:
        """Return an Arrow batch, with the columns that `to_arrow` gives, as a message; raises as `encode` does."""
        import pyarrow as pa

        names = batch.schema.names
        symbol = batch.column("symbol")
        if not pa.types.is_dictionary(symbol.type):
            symbol = symbol.dictionary_encode()
        if symbol.null_count:
            raise _error("symbol", "has nulls, expected a symbol for every tick")
        columns = {"symbol": symbol.indices.to_numpy(zero_copy_only=False)}
        for name in TICK_COLUMNS:
            if name == "symbol" or name not in names:
                continue
            column = batch.column(name)
            if column.null_count:
                raise _error(name, "has nulls, expected a value for every tick")
            if pa.types.is_timestamp(column.type):
                column = column.cast(pa.timestamp("ns")).cast(pa.int64())
            columns[name] = column.to_numpy(zero_copy_only=False)
        return cls.encode(symbol.dictionary.to_pylist(), columns)

    def __len__(self) -> int:
        return self._rows

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column, shape (len,), as a read-only view of the message's bytes; KeyError if there is none such."""
        return np.frombuffer(self._data, TICK_COLUMNS[name], self._rows, self._offsets[name])

    def field(self, index: int, name: str) -> Any:
        """Return one field of tick `index` as a Python number, its symbol as a text.

        Raises:
            IndexError: there is no such tick.
            KeyError: there is no such column.
            WireError: the tick's symbol index has no symbol.
        """
        row = index + self._rows if index < 0 else index
        if not 0 <= row < self._rows:
            raise IndexError(f"index {index} is outside a batch of {self._rows}")
        number = _NUMBERS[name]
        (value,) = number.unpack_from(self._data, self._offsets[name] + row * number.size)
        return self._symbol(value) if name == "symbol" else value

    def to_array(self) -> np.ndarray[Any, Any]:
        """Return a structured array of shape (len,) with the fields of TICK_COLUMNS: a copy, row after row."""
        rows = np.empty(self._rows, np.dtype(list(TICK_COLUMNS.items())))
        for name in TICK_COLUMNS:
            rows[name] = self.column(name)
        return rows

    def to_arrow(self) -> pa.RecordBatch:
        """Return an Arrow batch over the message's own bytes; `ts` in nanoseconds, UTC, `symbol` a dictionary.

        Raises:
            WireError: a symbol index without a symbol.
        """
        import pyarrow as pa

        arrays = {name: pa.array(self.column(name)) for name in TICK_COLUMNS}
        arrays["ts"] = arrays["ts"].view(pa.timestamp("ns", "UTC"))
        if self._rows:
            self._symbol(int(self.column("symbol").max()))
        arrays["symbol"] = pa.DictionaryArray.from_arrays(
            arrays["symbol"], pa.array(self.symbols, pa.string()), safe=False
        )
        return pa.RecordBatch.from_pydict(arrays)

    def _symbol(self, index: int) -> str:
        if index < len(self.symbols):
            return self.symbols[index]
        raise _error("symbol", f"{index} is not one of {len(self.symbols)} symbols")


def _error(column: str, problem: str) -> WireError:
    error = WireError(f"ticks.{column}: {problem}")
    error.offset, error.field = 0, f"ticks.{column}"
    error.key, error.problem = column, problem
    return error


def _as(name: str, values: Any) -> np.ndarray[Any, Any]:
    """Return values as their column's type, contiguous and aligned; only what fits without loss is converted."""
    given = np.asarray(values)
    wanted = TICK_COLUMNS[name]
    if given.dtype != wanted:
        converted = given.astype(wanted)
        if given.dtype.kind not in "iuf" or not np.array_equal(converted, given, equal_nan=given.dtype.kind == "f"):
            raise TypeError(f"{name} has dtype {given.dtype} with values that {wanted} cannot carry; convert it first")
        given = converted
    return np.require(given, wanted, ["C", "A"])
