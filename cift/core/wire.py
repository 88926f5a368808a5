"""The project's messages as Cap'n Proto: the second format beside JSON, for Rust readers and for batches.

The streams carry JSON (`cift.core.serialization`), which is faster for whole messages in Python. Cap'n Proto pays
where one field of a large batch is wanted, or where the reader is not Python; the benchmark's section has the figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from cift_core.wire import MessageBatch, MessageCodec, TickBatch, WireError

from cift.core.messages import (
    AnyCommand,
    AnyEvent,
    AnyMarketData,
    OrderEvent,
    SessionCommand,
    SessionEvent,
    SetInstrument,
    SetLimits,
    UserCommand,
)

__all__ = [
    "MessageBatch",
    "TickBatch",
    "WireError",
    "decode_command",
    "decode_commands",
    "decode_event",
    "decode_events",
    "decode_market_data",
    "encode",
    "encode_commands",
    "encode_events",
    "open_commands",
    "open_events",
]


# What changes an account's limits or a state is rare, and has no schema: it travels as JSON alone.
_COMMANDS = (*get_args(UserCommand), SetInstrument, SetLimits, *get_args(SessionCommand))
_EVENTS = (*get_args(OrderEvent), *get_args(SessionEvent))
_CLASSES = (*_COMMANDS, *_EVENTS, *get_args(AnyMarketData))
_codec = MessageCodec({message.__struct_config__.tag: message for message in _CLASSES})


def encode(message: AnyCommand | AnyEvent | AnyMarketData) -> bytes:
    """Return a message as bytes; WireError names a field that none can carry."""
    return _codec.encode(message)


def decode_command(data: bytes) -> AnyCommand:
    """Return the command in `data`; WireError with offset and field if it is none."""
    command: AnyCommand = _codec.decode_command(data)
    return command


def decode_event(data: bytes) -> AnyEvent:
    """Return the event in `data`; WireError with offset and field if it is none."""
    event: AnyEvent = _codec.decode_event(data)
    return event


def decode_market_data(data: bytes) -> AnyMarketData:
    """Return the market data message in `data`; WireError with offset and field if it is none."""
    message: AnyMarketData = _codec.decode_market_data(data)
    return message


def decode_commands(data: bytes) -> list[AnyCommand]:
    """Return every command of a journal, one message after the other; WireError has the offset of a bad one."""
    return _codec.decode_commands(data)


def decode_events(data: bytes) -> list[AnyEvent]:
    """Return every event of a journal, one message after the other; WireError has the offset of a bad one."""
    return _codec.decode_events(data)


def encode_commands(commands: Iterable[AnyCommand]) -> bytes:
    """Return commands as one batch, for `open_commands`."""
    return _codec.encode_commands(commands)


def encode_events(events: Iterable[AnyEvent]) -> bytes:
    """Return events as one batch, for `open_events`."""
    return _codec.encode_events(events)


def open_commands(data: bytes) -> MessageBatch:
    """Return a batch of commands, of which single messages and fields are read in place."""
    return _codec.open_commands(data)


def open_events(data: bytes) -> MessageBatch:
    """Return a batch of events, of which single messages and fields are read in place."""
    return _codec.open_events(data)
