"""Messages to bytes and back: JSON by msgspec, Cap'n Proto by the core, errors that name the field.

What is on a stream may be of either format, message by message: the first byte of a framed Cap'n Proto message is 0,
with which no JSON begins. So a stream goes on whichever format its writers are told to write (`stream_encoder`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from cift.core import wire
from cift.core.messages import SCHEMA_VERSION, AnyCommand, AnyEvent, AnyMarketData, Quote, ServiceStatus

T = TypeVar("T")
_encoder = msgspec.json.Encoder()


class MessageError(ValueError):
    """Bytes that are no such message. `field` is the path of the first field at fault, empty for the whole."""

    def __init__(self, kind: str, field: str, problem: str) -> None:
        super().__init__(f"{kind}: {field or 'message'}: {problem}")
        self.field = field


_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _refused(kind: str, error: Exception) -> MessageError:
    """Return what a decoder of JSON says, with the field that it names if any."""
    problem, _, path = str(error).partition(" - at `")
    return MessageError(kind, path.rstrip("`").removeprefix("$").lstrip("."), problem)


class Decoder(Generic[T]):
    """Decodes one union of messages: JSON, and what is framed where there is a reader for it."""

    def __init__(self, kind: str, union: Any, framed: Callable[[bytes], T] | None = None) -> None:
        self._kind, self._framed = kind, framed
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(union)

    def __call__(self, data: bytes) -> T:
        """Return the message in `data`.

        A message without `v` is of version 1, as all are that this release writes.

        Raises:
            MessageError: `data` is no message, has an unknown type, a field is missing or of the wrong kind, or its
                schema is another release's.
        """
        if data and not data[0] and self._framed is not None:
            try:
                return self._framed(data)
            except wire.WireError as error:
                raise MessageError(self._kind, error.key, error.problem) from None
        try:
            message = self._decoder.decode(data)
        except _NO_JSON as error:
            raise _refused(self._kind, error) from None
        if (version := getattr(message, "v", SCHEMA_VERSION)) != SCHEMA_VERSION:
            raise MessageError(self._kind, "v", f"found schema version {version}, expected {SCHEMA_VERSION}")
        return message


decode_command: Decoder[AnyCommand] = Decoder("command", AnyCommand, wire.decode_command)
decode_event: Decoder[AnyEvent] = Decoder("event", AnyEvent, wire.decode_event)
decode_market_data: Decoder[AnyMarketData] = Decoder("market data", AnyMarketData, wire.decode_market_data)
decode_quote: Decoder[Quote] = Decoder("quote", Quote, wire.decode_quote)
decode_status: Decoder[ServiceStatus] = Decoder("status", ServiceStatus)


class _Head(msgspec.Struct):
    type: str
    seq: int
    pos: int
    last: bool = False


_decode_head: Callable[[bytes], _Head] = msgspec.json.Decoder(_Head).decode


def event_head(data: bytes) -> tuple[str, int, int, bool]:
    """Return an event's tag, `seq`, `pos` and `last`, for who files it and wants no more of it.

    Raises:
        MessageError: `data` is no message with these fields; the others are not looked at.
    """
    try:
        if data and not data[0]:
            return wire.event_head(data)
        head = _decode_head(data)
    except wire.WireError as error:
        raise MessageError("event", error.key, error.problem) from None
    except _NO_JSON as error:
        raise _refused("event", error) from None
    return head.type, head.seq, head.pos, head.last


def encode(message: Any) -> bytes:
    """Return `message` (a struct, or plain dicts, lists, numbers and strings) as JSON."""
    return _encoder.encode(message)


def encode_framed(message: AnyCommand | AnyEvent | AnyMarketData | Quote) -> bytes:
    """Return a message of a stream as Cap'n Proto; as JSON where it has a number that no field there can carry.

    A command's user can be -1, as JSON has it, and is told so: that must not stop who tells him.
    """
    try:
        return wire.encode(message)
    except wire.WireError:
        return _encoder.encode(message)


def stream_encoder(written: Literal["capnp", "json"]) -> Callable[[AnyEvent | AnyMarketData | Quote], bytes]:
    """Return what writes a stream's messages in this format; readers take both."""
    return encode if written == "json" else encode_framed
