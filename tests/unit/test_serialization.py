"""Messages to bytes and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cift.core import wire
from cift.core.config import Settings
from cift.core.messages import CancelOrder, Fill, NewOrder, SetLimits
from cift.core.serialization import (
    MessageError,
    decode_command,
    decode_event,
    encode,
    event_head,
    stream_encoder,
)
from tests.unit import test_wire

GOLDEN = Path(__file__).parent / "golden"

COMMANDS = [
    NewOrder(symbol="AAPL", ts=1, user_id=2, side="buy", order_type="limit", quantity=3.0, price=4.5, tif="IOC"),
    NewOrder(symbol="AAPL", ts=1, user_id=2, side="sell", order_type="market", quantity=3.0),
    CancelOrder(symbol="AAPL", ts=1, user_id=2, order_id=9),
    SetLimits(symbol="_limits", ts=0, user_id=0, max_position=1, max_notional=2, max_leverage=3, account_value=4),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_survives_the_journey(command: NewOrder) -> None:
    assert decode_command(encode(command)) == command


def test_an_event_survives_the_journey_with_its_id() -> None:
    fill = Fill(
        symbol="AAPL", ts=1, seq=7, pos=2, user_id=3, order_id=7, last=True,
        side="buy", price=0.1, quantity=0.3, maker_order_id=5, maker_user_id=4,
    )  # fmt: skip
    assert decode_event(encode(fill)) == fill
    assert fill.message_id == "7.2"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"type":"new","symbol":"A","ts":1,"user_id":1,"side":"up","order_type":"limit","quantity":1}', "side"),
        (b'{"type":"new","symbol":"A","ts":1,"user_id":1,"side":"buy","quantity":null}', "quantity"),
        (b'{"type":"teleport"}', "type"),
        (b'{"type":"cancel","symbol":"A","ts":1,"user_id":1}', ""),
        (b'{"type":"cancel","v":2,"symbol":"A","ts":1,"user_id":1,"order_id":1}', "v"),
        (b'{"type":"cancel","v":0,"symbol":"A","ts":1,"user_id":1,"order_id":1}', "v"),
        (b'{"type":', ""),
        (b"\xff", ""),
        (b'{"type":"cancel","symbol":"\xff","ts":1,"user_id":1,"order_id":1}', ""),
        (b'{"type":"cancel","symbol":"A","ts":1,"user_id":1,"order_id":1,"more":' + b"[" * 100_000, ""),
    ],
)
def test_an_error_names_the_field(data: bytes, field: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_command(data)
    assert caught.value.field == field
    assert str(caught.value).startswith("command: ")


FILL = test_wire.EVENTS[2]
FRAMED = wire.encode(FILL)


def changed(at: int, value: bytes) -> bytes:
    """The framed fill with other bytes from `at` on."""
    return FRAMED[:at] + value + FRAMED[at + len(value) :]


@pytest.mark.parametrize(
    ("data", "field", "problem"),
    [
        (FRAMED[:-1], "", f"ends here, not at {len(FRAMED)} at byte {len(FRAMED) - 1}"),
        (FRAMED + bytes(8), "", f"8 bytes follow the message at byte {len(FRAMED)}"),
        (bytes(4) + b"\xff\xff\xff\x7f", "", "bytes are more than 67108864 at byte 0"),
        (bytes(1), "", "ends here"),
        (changed(16, b"\2"), "v", "2 is not a known schema version"),
        (wire.encode(test_wire.COMMANDS[0]), "", ""),
    ],
    ids=["cut off", "followed", "too long", "one byte", "another version", "another kind"],
)
def test_an_error_of_a_framed_message_names_the_field_too(data: bytes, field: str, problem: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_event(data)
    assert field in ("", caught.value.field)
    assert str(caught.value).startswith("event: ")
    assert problem in str(caught.value)
    with pytest.raises(MessageError):
        event_head(data[:-1] if not field and problem == "" else data)


@pytest.mark.parametrize("write", [encode, wire.encode], ids=["json", "framed"])
def test_an_events_head_is_read_alone(write: Callable[[Fill], bytes]) -> None:
    assert event_head(write(FILL)) == ("fill", 7, 2, True)
    with pytest.raises(MessageError):
        event_head(write(FILL)[:40])


def test_what_a_stream_is_told_is_as_the_setting_says_and_json_where_nothing_else_can_say_it() -> None:
    assert Settings().stream_format == "capnp"
    assert stream_encoder("capnp")(FILL) == wire.encode(FILL)
    assert stream_encoder("json")(FILL) == encode(FILL)
    nobody = msgspec.structs.replace(FILL, user_id=-1)
    told = stream_encoder("capnp")(nobody)
    assert told == encode(nobody)
    assert decode_event(told) == nobody


@pytest.mark.parametrize("name", test_wire.JOURNALS)
def test_old_journals_stay_readable(name: str) -> None:
    lines = (GOLDEN / f"json-v1-{name}.jsonl").read_bytes().splitlines()
    assert [test_wire.decoder(name)(line) for line in lines] == test_wire.JOURNALS[name]
    assert [encode(message) for message in test_wire.JOURNALS[name]] == lines
