"""Messages to bytes and back: JSON by msgspec, one decoder per union, errors that name the field."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from cift.core.messages import SCHEMA_VERSION, AnyCommand, AnyEvent, AnyMarketData, Quote, ServiceStatus

T = TypeVar("T")
_encoder = msgspec.json.Encoder()


class MessageError(ValueError):
    """Bytes that are no such message. `field` is the path of the first field at fault, empty for the whole."""

    def __init__(self, kind: str, field: str, problem: str) -> None:
        super().__init__(f"{kind}: {field or 'message'}: {problem}")
        self.field = field


class Decoder(Generic[T]):
    """Decodes one union of messages."""

    def __init__(self, kind: str, union: Any) -> None:
        self._kind = kind
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(union)

    def __call__(self, data: bytes) -> T:
        """Return the message in `data`.

        A message without `v` is of version 1, as all are that this release writes.

        Raises:
            MessageError: `data` is no JSON, has an unknown type, a field is missing or of the wrong kind, or its schema
                is another release's.
        """
        try:
            message = self._decoder.decode(data)
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at `")
            raise MessageError(self._kind, path.rstrip("`").removeprefix("$").lstrip("."), problem) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MessageError(self._kind, "", str(error)) from None
        if (version := getattr(message, "v", SCHEMA_VERSION)) != SCHEMA_VERSION:
            raise MessageError(self._kind, "v", f"found schema version {version}, expected {SCHEMA_VERSION}")
        return message


decode_command: Decoder[AnyCommand] = Decoder("command", AnyCommand)
decode_event: Decoder[AnyEvent] = Decoder("event", AnyEvent)
decode_market_data: Decoder[AnyMarketData] = Decoder("market data", AnyMarketData)
decode_quote: Decoder[Quote] = Decoder("quote", Quote)
decode_status: Decoder[ServiceStatus] = Decoder("status", ServiceStatus)


def encode(message: Any) -> bytes:
    """Return `message` (a struct, or plain dicts, lists, numbers and strings) as JSON."""
    return _encoder.encode(message)
