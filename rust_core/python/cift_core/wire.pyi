from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_Data: TypeAlias = bytes | bytearray | memoryview

TICK_COLUMNS: dict[str, np.dtype[Any]]

class WireError(ValueError):
    offset: int
    field: str
    key: str
    problem: str

def event_head(data: _Data) -> tuple[str, int, int, bool]:
    """Tag, `seq`, `pos` and `last` of the event in `data`, without the rest of it; WireError if there is none."""

@final
class MessageCodec:
    """Writes and reads messages of given classes, which are called with all fields of their kind as keywords."""

    def __new__(cls, classes: Mapping[str, type]) -> MessageCodec: ...
    def encode(self, message: object) -> bytes:
        """A command, event or market data message as bytes."""

    def decode_command(self, data: _Data) -> Any:
        """The command in `data`, which is one message and nothing more."""

    def decode_event(self, data: _Data) -> Any:
        """The event in `data`, which is one message and nothing more."""

    def decode_market_data(self, data: _Data) -> Any:
        """The book or trade in `data`, which is one message and nothing more."""

    def decode_quote(self, data: _Data) -> Any:
        """The quote in `data`, which is one message and nothing more."""

    def decode_commands(self, data: _Data) -> list[Any]:
        """All commands of a journal: messages one after the other."""

    def decode_events(self, data: _Data) -> list[Any]:
        """All events of a journal: messages one after the other."""

    def encode_commands(self, messages: Iterable[object]) -> bytes:
        """Commands as one batch, for `open_commands`."""

    def encode_events(self, messages: Iterable[object]) -> bytes:
        """Events as one batch, for `open_events`."""

    def open_commands(self, data: _Data) -> MessageBatch:
        """A batch of commands, read where it lies."""

    def open_events(self, data: _Data) -> MessageBatch:
        """A batch of events, read where it lies."""

@final
class MessageBatch:
    """Commands or events in one message; opening it, and one field of one message, cost the same for any number."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Any: ...
    def field(self, index: int, name: str) -> Any:
        """The field `name` of the message at `index`; KeyError if it has none such."""

    def floats(self, name: str) -> NDArray[np.float64]:
        """A field of all messages, shape (len,), read without the GIL; NaN where a message has none."""

class TickBatch:
    """Trades in one message, by column; opening it costs the same for any number."""

    symbols: list[str]

    def __init__(self, data: _Data) -> None: ...
    @classmethod
    def encode(cls, symbols: Sequence[str], columns: Mapping[str, Any] | np.ndarray[Any, Any]) -> bytes:
        """Ticks, one array per name of TICK_COLUMNS or a structured array, as a message."""

    @classmethod
    def encode_arrow(cls, batch: pa.RecordBatch) -> bytes:
        """An Arrow batch, with the columns that `to_arrow` gives, as a message."""

    def __len__(self) -> int: ...
    def column(self, name: str) -> NDArray[Any]:
        """A column, shape (len,), as a read-only view of the message's bytes."""

    def field(self, index: int, name: str) -> Any:
        """One field of tick `index`."""

    def to_array(self) -> NDArray[Any]:
        """A structured array, shape (len,): a copy."""

    def to_arrow(self) -> pa.RecordBatch:
        """An Arrow batch over the message's own bytes."""
