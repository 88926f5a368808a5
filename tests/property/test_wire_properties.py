"""Whatever is encoded comes back; whatever bytes come are a message or an error, never a panic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cift.core import wire
from cift.core.messages import (
    Accepted,
    BookUpdate,
    CancelOrder,
    DayEnded,
    EndOfDay,
    Fill,
    MassCancel,
    MassCancelled,
    Modified,
    ModifyOrder,
    NewOrder,
    Phase,
    PhaseSet,
    Rejected,
    SetPhase,
    Uncross,
    Uncrossed,
)

UNSIGNED = st.integers(0, 2**64 - 1)
FLOATS = st.floats(allow_nan=False)
TEXTS = st.text(max_size=40)
SIDES = st.sampled_from(["buy", "sell"])
HEAD = {"symbol": TEXTS, "ts": st.integers(-(2**63), 2**63 - 1)}
EVENT = {
    **HEAD, "seq": UNSIGNED, "pos": st.integers(0, 2**32 - 1), "user_id": UNSIGNED, "order_id": UNSIGNED,
    "last": st.booleans(),
}  # fmt: skip
ORDERS = st.builds(
    NewOrder, **HEAD, user_id=UNSIGNED, side=SIDES, order_type=st.sampled_from(["limit", "market"]), quantity=FLOATS,
    price=st.none() | FLOATS, tif=st.sampled_from(["GTC", "IOC", "FOK"]), post_only=st.booleans(),
    client_order_id=st.none() | TEXTS,
)  # fmt: skip
MAYBE = st.none() | FLOATS
PHASES = st.sampled_from(get_args(Phase))
OF_DAY = {**HEAD, "user_id": UNSIGNED, "instrument": TEXTS, "by": UNSIGNED}
COMMANDS = (
    ORDERS
    | st.builds(CancelOrder, **HEAD, user_id=UNSIGNED, order_id=UNSIGNED)
    | st.builds(ModifyOrder, **HEAD, user_id=UNSIGNED, order_id=UNSIGNED, price=MAYBE, quantity=MAYBE)
    | st.builds(MassCancel, **HEAD, user_id=UNSIGNED, side=st.none() | SIDES, min_price=MAYBE, max_price=MAYBE)
    | st.builds(SetPhase, **OF_DAY, phase=PHASES)
    | st.builds(Uncross, **OF_DAY, reference=MAYBE, then=st.sampled_from(["continuous", "halted"]))
    | st.builds(EndOfDay, **OF_DAY)
)
EVENTS = (
    st.builds(Accepted, **EVENT, side=SIDES, quantity=FLOATS, price=st.none() | FLOATS, resting=FLOATS)
    | st.builds(
        Fill, **EVENT, side=SIDES, price=FLOATS, quantity=FLOATS, maker_order_id=UNSIGNED, maker_user_id=UNSIGNED
    )
    | st.builds(Modified, **EVENT, price=MAYBE, quantity=FLOATS, resting=FLOATS)
    | st.builds(MassCancelled, **EVENT, count=st.integers(0, 2**32 - 1))
    | st.builds(Rejected, **EVENT, code=TEXTS, reason=TEXTS)
    | st.builds(PhaseSet, **EVENT, instrument=TEXTS, phase=PHASES)
    | st.builds(Uncrossed, **EVENT, instrument=TEXTS, phase=PHASES, price=MAYBE, volume=FLOATS, imbalance=FLOATS)
    | st.builds(DayEnded, **EVENT, instrument=TEXTS, phase=PHASES, count=st.integers(0, 2**32 - 1))
)
LEVELS = st.lists(st.tuples(FLOATS, FLOATS), max_size=8).map(tuple)
BOOKS = st.builds(BookUpdate, **HEAD, seq=UNSIGNED, bids=LEVELS, asks=LEVELS, phase=PHASES) | st.builds(
    BookUpdate, **HEAD, seq=UNSIGNED, bids=LEVELS, asks=LEVELS, phase=PHASES, indicative_price=FLOATS,
    indicative_volume=FLOATS, imbalance=FLOATS,
)  # fmt: skip
READERS: list[Callable[[bytes], Any]] = [
    wire.decode_command,
    wire.decode_event,
    wire.decode_market_data,
    wire.decode_commands,
    wire.decode_events,
    lambda data: list(wire.open_commands(data)),
    lambda data: wire.open_events(data).floats("price"),
    lambda data: wire.TickBatch(data).to_arrow(),
]


@given(COMMANDS)
def test_commands_come_back(command: Any) -> None:
    assert wire.decode_command(wire.encode(command)) == command


@given(EVENTS)
def test_events_come_back(event: Any) -> None:
    assert wire.decode_event(wire.encode(event)) == event


@given(BOOKS)
def test_books_come_back(book: BookUpdate) -> None:
    assert wire.decode_market_data(wire.encode(book)) == book


@given(st.lists(COMMANDS, max_size=5), st.lists(EVENTS, max_size=5))
def test_batches_and_journals_come_back(commands: list[Any], events: list[Any]) -> None:
    assert list(wire.open_commands(wire.encode_commands(commands))) == commands
    assert list(wire.open_events(wire.encode_events(events))) == events
    assert wire.decode_events(b"".join(map(wire.encode, events))) == events


@given(st.lists(st.tuples(UNSIGNED, FLOATS, st.sampled_from([-1, 0, 1]), st.integers(0, 2)), max_size=20))
def test_ticks_come_back(rows: list[tuple[int, float, int, int]]) -> None:
    columns = {
        "seq": np.array([row[0] for row in rows], np.uint64),
        "price": np.array([row[1] for row in rows], np.float64),
        "quantity": np.ones(len(rows)),
        "side": np.array([row[2] for row in rows], np.int8),
        "symbol": np.array([row[3] for row in rows], np.uint32),
        "ts": np.arange(len(rows), dtype=np.int64),
    }
    data = wire.TickBatch.encode(["A", "", "ü"], columns)
    batch = wire.TickBatch(data)
    for name, values in columns.items():
        np.testing.assert_array_equal(batch.column(name), values)
    assert wire.TickBatch.encode_arrow(batch.to_arrow()) in (data, wire.TickBatch.encode(batch.symbols, columns))


def _try_all(data: bytes) -> None:
    for read in READERS:
        try:
            read(data)
        except wire.WireError as error:
            offset = error.offset
        else:
            continue
        assert 0 <= offset <= len(data)


@given(st.binary(max_size=400))
def test_random_bytes_are_an_error(data: bytes) -> None:
    _try_all(data)


@given(st.binary(min_size=8, max_size=400))
def test_random_bytes_in_a_right_frame_are_an_error_or_a_message(body: bytes) -> None:
    words = len(body) // 8
    _try_all(bytes(4) + words.to_bytes(4, "little") + body[: words * 8])


@given(st.lists(EVENTS, min_size=1, max_size=3), st.data())
def test_damage_is_an_error_or_another_message(events: list[Any], data: st.DataObject) -> None:
    for message in (wire.encode(events[0]), wire.encode_events(events)):
        damaged = bytearray(message)
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        _try_all(bytes(damaged))
        cut = data.draw(st.integers(0, len(message) - 1))
        with pytest.raises(wire.WireError):
            wire.decode_event(message[:cut])
