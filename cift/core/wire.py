"""The project's messages as Cap'n Proto: what engine and feed write on EVENTS and MARKET_DATA, and batches.

Readers of a stream call `cift.core.serialization`, which takes JSON as well. The format is for readers that are not
Python, such as the recorder's half in Rust, and for those that want a few fields of many messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

from cift_core.wire import MessageBatch, MessageCodec, TickBatch, WireError, event_head

from cift.core.messages import (
    AnyCommand,
    AnyEvent,
    AnyMarketData,
    Quote,
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
    "decode_quote",
    "encode",
    "encode_commands",
    "encode_events",
    "event_head",
    "open_commands",
    "open_events",
]


_CLASSES = (*get_args(AnyCommand), *get_args(AnyEvent), *get_args(AnyMarketData), Quote)
_codec = MessageCodec({message.__struct_config__.tag: message for message in _CLASSES})


# The codec's own methods: another function around each would cost as much as half of a small message.
encode: Callable[[AnyCommand | AnyEvent | AnyMarketData | Quote], bytes] = _codec.encode
"""Return a message as bytes; WireError names a field that none can carry."""

decode_command: Callable[[bytes], AnyCommand] = _codec.decode_command
"""Return the command in bytes; WireError with offset and field if it is none."""

decode_event: Callable[[bytes], AnyEvent] = _codec.decode_event
"""Return the event in bytes; WireError with offset and field if it is none."""

decode_market_data: Callable[[bytes], AnyMarketData] = _codec.decode_market_data
"""Return the book or trade in bytes; WireError with offset and field if it is none."""

decode_quote: Callable[[bytes], Quote] = _codec.decode_quote
"""Return the quote in bytes; WireError with offset and field if it is none."""

decode_commands: Callable[[bytes], list[AnyCommand]] = _codec.decode_commands
"""Return every command of a journal, one message after the other; WireError has the offset of a bad one."""

decode_events: Callable[[bytes], list[AnyEvent]] = _codec.decode_events
"""Return every event of a journal, one message after the other; WireError has the offset of a bad one."""


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
