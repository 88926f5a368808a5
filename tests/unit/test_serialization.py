"""Messages to bytes and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from cift.core.messages import AnyCommand, AnyEvent, CancelOrder, Fill, NewOrder, SetLimits
from cift.core.serialization import MessageError, decode_command, decode_event, encode
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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("commands", test_wire.COMMANDS),
        ("events", test_wire.EVENTS),
        ("change-commands", test_wire.CHANGE_COMMANDS),
        ("change-events", test_wire.CHANGE_EVENTS),
        ("session-commands", test_wire.SESSION_COMMANDS),
        ("session-events", test_wire.SESSION_EVENTS),
    ],
)
def test_old_journals_stay_readable(name: str, expected: list[AnyCommand | AnyEvent]) -> None:
    lines = (GOLDEN / f"json-v1-{name}.jsonl").read_bytes().splitlines()
    decode = decode_command if name.endswith("commands") else decode_event
    assert [decode(line) for line in lines] == expected
    assert [encode(message) for message in expected] == lines
