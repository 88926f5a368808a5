"""Whatever is encoded comes back; whatever bytes come are a message or an error, never a panic."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cift.core import wire
from cift.core.messages import (
    Accepted,
    AccountLimitsSet,
    BookUpdate,
    CancelOrder,
    DayEnded,
    EndOfDay,
    Fill,
    KillSwitch,
    KillSwitchSet,
    MassCancel,
    MassCancelled,
    Modified,
    ModifyOrder,
    NewOrder,
    Phase,
    PhaseSet,
    Quote,
    Rejected,
    RiskSet,
    RiskSetting,
    SetAccountLimits,
    SetPhase,
    SetRisk,
    Trade,
    TradingState,
    Uncross,
    Uncrossed,
)
from cift.core.serialization import (
    MessageError,
    decode_command,
    decode_event,
    decode_market_data,
    decode_quote,
    encode,
    event_head,
)

UNSIGNED = st.integers(0, 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(max_size=40)
SIDES = st.sampled_from(["buy", "sell"])
# 0 stands for nothing there.
SAID = st.none() | FLOATS.filter(bool)
HEAD = {"symbol": TEXTS, "ts": st.integers(-(2**63), 2**63 - 1)}
EVENT = {
    **HEAD, "seq": UNSIGNED, "pos": st.integers(0, 2**32 - 1), "user_id": UNSIGNED, "order_id": UNSIGNED,
    "last": st.booleans(),
}  # fmt: skip
ORDERS = st.builds(
    NewOrder, **HEAD, user_id=UNSIGNED, side=SIDES, order_type=st.sampled_from(["limit", "market"]), quantity=FLOATS,
    price=st.none() | FLOATS, tif=st.sampled_from(["GTC", "IOC", "FOK"]), post_only=st.booleans(),
    client_order_id=st.none() | TEXTS, display_quantity=SAID, min_quantity=SAID, trigger_price=SAID, trail=SAID,
    expires=st.none() | st.integers(1, 2**64 - 1), offset=FLOATS, peg=st.none() | st.sampled_from(["mid", "market"]),
    reprice=st.booleans(), hidden=st.booleans(), all_or_none=st.booleans(), reduce_only=st.booleans(),
)  # fmt: skip
MAYBE = st.none() | FLOATS
PHASES = st.sampled_from(get_args(Phase))
OF_DAY = {**HEAD, "user_id": UNSIGNED, "instrument": TEXTS, "by": UNSIGNED}
LIMITS = {"max_position": MAYBE, "max_notional": MAYBE, "max_leverage": MAYBE, "account_value": MAYBE}
SWITCH = {"state": st.sampled_from(get_args(TradingState)), "instrument": st.none() | TEXTS}
RISK = {
    # Literals in a Literal come out flat.
    "setting": st.sampled_from(get_args(RiskSetting)),
    "value": MAYBE,
    "window_ns": st.integers(-(2**63), 2**63 - 1),
    "instrument": st.none() | TEXTS,
}
COMMANDS = (
    ORDERS
    | st.builds(CancelOrder, **HEAD, user_id=UNSIGNED, order_id=UNSIGNED)
    | st.builds(ModifyOrder, **HEAD, user_id=UNSIGNED, order_id=UNSIGNED, price=MAYBE, quantity=MAYBE)
    | st.builds(MassCancel, **HEAD, user_id=UNSIGNED, side=st.none() | SIDES, min_price=MAYBE, max_price=MAYBE)
    | st.builds(SetPhase, **OF_DAY, phase=PHASES)
    | st.builds(Uncross, **OF_DAY, reference=MAYBE, then=st.sampled_from(["continuous", "halted"]))
    | st.builds(EndOfDay, **OF_DAY)
    | st.builds(SetAccountLimits, **HEAD, user_id=UNSIGNED, **LIMITS, by=UNSIGNED)
    | st.builds(KillSwitch, **HEAD, user_id=UNSIGNED, **SWITCH, by=UNSIGNED)
    | st.builds(SetRisk, **HEAD, user_id=UNSIGNED, **RISK, by=UNSIGNED)
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
    | st.builds(AccountLimitsSet, **EVENT, **LIMITS)
    | st.builds(KillSwitchSet, **EVENT, **SWITCH)
    | st.builds(RiskSet, **EVENT, **RISK)
)
LEVELS = st.lists(st.tuples(FLOATS, FLOATS), max_size=8).map(tuple)
BOOKS = st.builds(BookUpdate, **HEAD, seq=UNSIGNED, bids=LEVELS, asks=LEVELS, phase=PHASES) | st.builds(
    BookUpdate, **HEAD, seq=UNSIGNED, bids=LEVELS, asks=LEVELS, phase=PHASES, indicative_price=FLOATS,
    indicative_volume=FLOATS, imbalance=FLOATS,
)  # fmt: skip
TRADES = st.builds(
    Trade, **HEAD, seq=UNSIGNED, pos=st.integers(0, 2**32 - 1), side=SIDES, price=FLOATS, quantity=FLOATS
)
QUOTES = st.builds(Quote, **HEAD, seq=UNSIGNED, bid=MAYBE, bid_quantity=MAYBE, ask=MAYBE, ask_quantity=MAYBE)
READERS: list[Callable[[bytes], Any]] = [
    wire.decode_command,
    wire.decode_event,
    wire.decode_market_data,
    wire.decode_quote,
    wire.event_head,
    wire.decode_commands,
    wire.decode_events,
    lambda data: list(wire.open_commands(data)),
    lambda data: wire.open_events(data).floats("price"),
    lambda data: wire.TickBatch(data).to_arrow(),
]


def _both(decode: Callable[[bytes], Any], message: Any) -> None:
    """Whoever reads a stream gets the same of either format, and tells them apart by the first byte."""
    framed = wire.encode(message)
    assert framed[0] == 0
    assert decode(framed) == decode(encode(message)) == message


@given(COMMANDS)
def test_commands_come_back(command: Any) -> None:
    _both(decode_command, command)


@given(EVENTS)
def test_events_come_back(event: Any) -> None:
    _both(decode_event, event)
    head = (event.__struct_config__.tag, event.seq, event.pos, event.last)
    assert event_head(wire.encode(event)) == event_head(encode(event)) == head


@given(BOOKS | TRADES)
def test_market_data_comes_back(message: Any) -> None:
    _both(decode_market_data, message)
    with pytest.raises(MessageError, match="expected quote"):
        decode_quote(wire.encode(message))


@given(QUOTES)
def test_quotes_come_back(quote: Quote) -> None:
    _both(decode_quote, quote)
    with pytest.raises(MessageError, match="type: found"):
        decode_market_data(wire.encode(quote))


@given(EVENTS | COMMANDS | QUOTES)
def test_the_same_message_is_always_the_same_bytes(message: Any) -> None:
    assert wire.encode(message) == wire.encode(msgspec.structs.replace(message))


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
    for decode in (decode_command, decode_event, decode_market_data, decode_quote, event_head):
        with contextlib.suppress(MessageError):
            decode(data)
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
