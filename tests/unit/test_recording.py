"""What the recorder makes rows of, and how they are cut into inserts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cift.core.clickhouse import rows as schemas
from cift.core.messages import (
    Accepted,
    AnyEvent,
    Cancelled,
    DayEnded,
    Fill,
    KillSwitchSet,
    MassCancelled,
    Modified,
    PhaseSet,
    Rejected,
    RiskSet,
    Trade,
    Uncrossed,
)
from cift.core.recording.inserting import DAY_NS, by_day
from cift.core.serialization import decode_event, encode, encode_framed
from tests.property import reference_recording as reference
from tests.property.recording import of_events, of_trades, stored

GOLDEN = Path(__file__).parent / "golden"
WHO: dict[str, Any] = {"symbol": "AAPL", "ts": 1, "seq": 9, "pos": 1, "user_id": 1, "order_id": 9}


def orders(event: AnyEvent) -> list[dict[str, Any]]:
    return of_events(stored([event], 12))[0]["orders"]


def test_a_fill_is_a_row_for_each_of_its_orders() -> None:
    fill = Fill(**WHO, side="buy", price=2.0, quantity=3.0, maker_order_id=4, maker_user_id=7)
    taker, maker = orders(fill)
    assert (taker["account_id"], taker["order_id"], taker["side"], taker["liquidity"]) == (1, 9, "buy", "taker")
    assert (maker["account_id"], maker["order_id"], maker["side"], maker["liquidity"]) == (7, 4, "sell", "maker")
    assert {row["stream_seq"] for row in (taker, maker)} == {12}


@pytest.mark.parametrize(
    ("event", "kinds"),
    [
        (Accepted(**WHO, side="buy", quantity=3.0), ["accepted"]),
        (Cancelled(**WHO, quantity=1.0), ["cancelled"]),
        (Modified(**WHO, quantity=1.0), ["modified"]),
        (Rejected(**WHO, code="x", reason="y"), ["rejected"]),
        (Rejected(**WHO | {"order_id": 4}, code="not_owner", reason="of a change"), []),
        (Rejected(**WHO | {"user_id": 0}, code="unreadable", reason="of nobody"), []),
        (MassCancelled(**WHO, count=0), []),
        (KillSwitchSet(**WHO, state="halted"), []),
        (PhaseSet(**WHO, instrument="AAPL", phase="opening_auction"), []),
        (Uncrossed(**WHO, instrument="AAPL", phase="halted", price=1.0, volume=2.0, imbalance=-1.0), []),
        (DayEnded(**WHO, instrument="AAPL", phase="halted", count=2), []),
        (RiskSet(**WHO, setting="max_position", value=5.0), []),
    ],
)
def test_which_events_are_of_an_order(event: AnyEvent, kinds: list[str]) -> None:
    assert [row["kind"] for row in orders(event)] == kinds


def test_what_the_staff_are_told_is_read_to_its_last_field() -> None:
    lines = (GOLDEN / "json-v1-session-events.jsonl").read_bytes().splitlines()
    assert of_events(stored(lines))[2] == []
    _, _, left_out = of_events(stored([line.replace(b'"phase":', b'"phase":9,"x":') for line in lines]))
    assert len(left_out) == len(lines)


@pytest.mark.parametrize("name", ["json-v1-events.jsonl", "json-v1-change-events.jsonl"])
def test_old_journals_are_recorded(name: str) -> None:
    lines = (GOLDEN / name).read_bytes().splitlines()
    rows, _, left_out = of_events(stored(lines))
    assert left_out == []
    events = [(seq, decode_event(line)) for seq, line in enumerate(lines, 1)]
    assert rows["executions"] == [row for seq, event in events for row in reference.executions(event, seq)]
    assert rows["orders"] == [row for seq, event in events for row in reference.order_events(event, seq)]
    assert rows["orders"]


HEAD = b'{"type":"fill","symbol":"A","ts":1,"seq":1,"pos":1,"user_id":1,"order_id":1,'
REST = b'"side":"buy","price":1.5,"quantity":2,"maker_order_id":3,"maker_user_id":4}'


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (HEAD + REST.replace(b"1.5", b'"1.5"'), 'event: price: found "1.5", expected a number'),
        (HEAD + REST.replace(b'"buy"', b'"long"'), 'event: side: found "long", expected one of buy, sell'),
        (HEAD + REST.replace(b':3,"', b':-3,"'), "event: maker_order_id: found -3, expected a whole number from 0"),
        (HEAD.replace(b'"pos":1', b'"pos":4294967296') + REST, "event: pos: found 4294967296, expected 4294967295 or"),
        (HEAD.replace(b'"ts":1,', b"") + REST, "event: ts: found nothing, expected nanoseconds since 1970"),
        (HEAD + b'"v":2,' + REST, "event: v: found schema version 2, expected 1"),
        (HEAD.replace(b"fill", b"book") + REST, 'event: type: found "book", expected an event\'s'),
        (HEAD + REST + b"x", "event: message: trailing characters at byte 151"),
        (HEAD, "event: message: EOF while parsing a value at byte"),
        (b"[1]", "event: message: invalid type: sequence, expected an object at byte"),
        (b"", "event: message: EOF while parsing a value at byte 0"),
        (b"\xff", "event: message: expected value at byte 0"),
    ],
)
def test_what_is_no_event_is_left_out_with_its_reason(data: bytes, problem: str) -> None:
    rows, _, ((seq, found),) = of_events(stored([HEAD + REST, data, HEAD + REST], 5))
    assert (seq, found[: len(problem)]) == (6, problem)
    assert [row["stream_seq"] for row in rows["executions"]] == [5, 7]


@pytest.mark.parametrize("write", [encode, encode_framed])
def test_every_fill_of_a_command_is_a_row_with_its_own_position(write: Callable[[Any], bytes]) -> None:
    many = range(1, 70_001)
    who = WHO | {"side": "buy", "price": 2.0, "quantity": 3.0}
    fills = [Fill(**who | {"pos": pos}, maker_order_id=pos, maker_user_id=7) for pos in many]
    rows, _, left_out = of_events(stored(fills, 1, write))
    assert left_out == []
    assert [row["pos_high"] * 65536 + row["pos"] for row in rows["executions"]] == list(many)
    assert [row["pos"] for row in rows["orders"][::2]] == list(many)
    told = {"symbol": "AAPL", "ts": 1, "seq": 9, "side": "buy", "price": 2.0, "quantity": 3.0}
    ticks, left_out = of_trades(stored([Trade(**told, pos=pos) for pos in many], 1, write))
    assert left_out == []
    assert [row["pos_high"] * 65536 + row["pos"] for row in ticks] == list(many)


@pytest.mark.parametrize("pos", [0, 65535, 65536, 70_000, 2**32 - 1])
def test_whole_positions_are_halved_for_their_tables(pos: int) -> None:
    row = {"ts": 1, "symbol": "A", "price": 1.0, "quantity": 1.0, "side": "buy", "seq": 1, "stream_seq": 1, "pos": pos}
    (found,) = schemas.in_halves([row], schemas.TICKS).to_pylist()
    assert {name: found[name] for name in ("pos", "pos_high")} == reference.halves(pos)
    with pytest.raises(ValueError, match="rows don't fit the table"):
        schemas.in_halves([row | {"pos": 2**32}], schemas.TICKS)
    with pytest.raises(ValueError, match=r"unknown \['pos_high'\]"):
        schemas.in_halves([row | {"pos_high": 0}], schemas.TICKS)


def test_a_quote_is_no_trade() -> None:
    rows, ((_, problem),) = of_trades(stored([b'{"type":"quote","symbol":"A","ts":1,"seq":1}']))
    assert (rows, problem) == ([], 'market data: type: found "quote", expected trade or book')


def test_no_message_is_no_row_of_every_table() -> None:
    rows, told, left_out = of_events([])
    assert (set(map(len, rows.values())), told, left_out) == ({0}, [], [])


def test_an_insert_has_rows_of_one_day() -> None:
    days = [3, 3, 4, 4, 4, 3, -1]
    table = pa.table({"ts": pa.array([day * DAY_NS + 5 for day in days], schemas.TICKS.field("ts").type)})
    assert [each.num_rows for each in by_day(table)] == [2, 3, 1, 1]
    assert list(by_day(table.slice(0, 0))) == []
