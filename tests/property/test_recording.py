"""The recorder's rows: the core's are those of plain Python, and what is no message is none for both.

Of a message in either format the rows are the same.
"""

from __future__ import annotations

import json
import random
from typing import Any, get_args

import pytest
from cift_core.recording import Positions
from hypothesis import given
from hypothesis import strategies as st

from cift.core.messages import (
    Accepted,
    AccountLimitsSet,
    AnyEvent,
    AnyMarketData,
    BookUpdate,
    Cancelled,
    DayEnded,
    Fill,
    KillSwitchSet,
    MassCancelled,
    Modified,
    Phase,
    PhaseSet,
    Reduced,
    Rejected,
    RiskSet,
    Trade,
    Uncrossed,
)
from cift.core.serialization import MessageError, decode_event, decode_market_data, encode, encode_framed
from tests.property import reference_recording as reference
from tests.property.recording import of_events, of_trades, stored
from tests.property.reference_positions import Accounts

UNSIGNED = st.integers(0, 2**64 - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
MAYBE = st.none() | NUMBERS
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SIDES = st.sampled_from(["buy", "sell"])
PHASES = st.sampled_from(get_args(Phase))
HEAD = {"symbol": TEXTS, "ts": st.integers(-(2**63), 2**63 - 1), "seq": UNSIGNED}
POSITIONS = st.integers(0, 2**18) | st.integers(0, 2**32 - 1)
EVENT = HEAD | {"pos": POSITIONS, "user_id": UNSIGNED, "order_id": UNSIGNED, "last": st.booleans()}
WINDOWS = st.integers(0, 2**62)
EVENTS: st.SearchStrategy[AnyEvent] = (
    st.builds(
        Accepted, **EVENT, side=SIDES, quantity=NUMBERS, price=MAYBE, resting=NUMBERS, client_order_id=st.none() | TEXTS
    )
    | st.builds(
        Fill, **EVENT, side=SIDES, price=NUMBERS, quantity=NUMBERS, maker_order_id=UNSIGNED, maker_user_id=UNSIGNED
    )
    | st.builds(Cancelled, **EVENT, quantity=NUMBERS, reason=st.just("user") | TEXTS)
    | st.builds(Reduced, **EVENT, remaining=NUMBERS)
    | st.builds(Modified, **EVENT, quantity=NUMBERS, price=MAYBE, resting=NUMBERS)
    | st.builds(MassCancelled, **EVENT, count=st.integers(0, 2**32))
    | st.builds(Rejected, **EVENT | {"seq": st.integers(1, 3), "order_id": st.integers(1, 3)}, code=TEXTS, reason=TEXTS)
    | st.builds(AccountLimitsSet, **EVENT, max_position=MAYBE, account_value=MAYBE)
    | st.builds(
        RiskSet,
        **EVENT,
        setting=st.sampled_from(["cash", "max_quantity"]),
        value=MAYBE,
        window_ns=st.integers(0, 2**62),
    )
    | st.builds(KillSwitchSet, **EVENT, state=st.sampled_from(["active", "halted"]), instrument=st.none() | TEXTS)
    | st.builds(PhaseSet, **EVENT, instrument=TEXTS, phase=PHASES)
    | st.builds(Uncrossed, **EVENT, instrument=TEXTS, phase=PHASES, price=MAYBE, volume=NUMBERS, imbalance=NUMBERS)
    | st.builds(DayEnded, **EVENT, instrument=TEXTS, phase=PHASES, count=st.integers(0, 2**32))
)
LEVELS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=2).map(tuple)
MARKET: st.SearchStrategy[AnyMarketData] = st.builds(
    Trade, **HEAD, pos=POSITIONS, side=SIDES, price=NUMBERS, quantity=NUMBERS
) | st.builds(BookUpdate, **HEAD, bids=LEVELS, asks=LEVELS, phase=PHASES, indicative_price=MAYBE, imbalance=NUMBERS)


@given(st.lists(EVENTS, max_size=20))
def test_events_are_the_reference_s_rows(events: list[AnyEvent]) -> None:
    rows, _, left_out = of_events(stored(events, 7))
    assert left_out == []
    assert rows["executions"] == [
        row for seq, event in enumerate(events, 7) for row in reference.executions(event, seq)
    ]
    assert rows["orders"] == [row for seq, event in enumerate(events, 7) for row in reference.order_events(event, seq)]


@given(st.lists(MARKET, max_size=20))
def test_trades_are_the_reference_s_rows(messages: list[AnyMarketData]) -> None:
    rows, left_out = of_trades(stored(messages, 7))
    assert left_out == []
    assert rows == [row for seq, message in enumerate(messages, 7) for row in reference.ticks(message, seq)]


@given(st.lists(EVENTS, max_size=20), st.integers(0, 10), st.lists(st.binary(max_size=20), max_size=3))
def test_events_are_the_same_rows_in_either_format(events: list[AnyEvent], after: int, garbage: list[bytes]) -> None:
    messages = [*events, *garbage]
    json, framed = (of_events(stored(messages, 7, write), after=after) for write in (encode, encode_framed))
    # As text: of numbers near the largest one sums are infinite, and what is left of those is equal to nothing.
    assert repr(framed[:2]) == repr(json[:2])
    assert framed[2] == json[2]


@given(st.lists(MARKET, max_size=20))
def test_trades_are_the_same_rows_in_either_format(messages: list[AnyMarketData]) -> None:
    assert of_trades(stored(messages, 7, encode_framed)) == of_trades(stored(messages, 7))


@given(st.one_of(EVENTS, MARKET), st.integers(0, 2**32))
def test_what_is_no_framed_message_is_none_for_both(message: Any, seed: int) -> None:
    chance = random.Random(seed)
    data = encode_framed(message)
    for _ in range(chance.randrange(1, 4)):
        data = mangled(data, chance) or b"\0"
    market = isinstance(message, Trade | BookUpdate)
    if data[0]:
        return  # no framed message any more
    left_out = of_trades(stored([data]))[1] if market else of_events(stored([data]))[2]
    try:
        decoded: Any = (decode_market_data if market else decode_event)(data)
    except MessageError as error:
        said = str(error)
        assert [problem[-len(said) :] for _, problem in left_out] == [said]
        return
    assert left_out == []
    again = encode_framed(decoded)
    rows = of_trades if market else of_events
    assert repr(rows(stored([data]))[0]) == repr(rows(stored([again]))[0])  # as text, see above


def mangled(data: bytes, chance: random.Random) -> bytes:
    """Return a message with a byte changed, cut off, or taken from another place of it."""
    at = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 2:
            return data[:at] + data[at + 1 :]
        case _:
            start = chance.randrange(len(data))
            return data[:at] + data[start : start + chance.randrange(9)] + data[at:]


# What Python takes and a table's column cannot: a whole number too large or below 0. And -0, which is a whole number
# for msgspec and none for serde.
BEYOND = ("whole number", "nanoseconds since 1970", "4294967295 or less")


def is_json(data: bytes) -> bool:
    """Say whether bytes are JSON everywhere: msgspec does not look into a name that no field has."""
    try:
        json.loads(data.decode())
    except ValueError:
        return False
    return True


@given(st.one_of(EVENTS, MARKET), st.integers(0, 2**32))
def test_what_is_no_message_is_none_for_both(message: Any, seed: int) -> None:
    chance = random.Random(seed)
    data = encode(message)
    for _ in range(chance.randrange(1, 4)):
        data = mangled(data, chance) or b"{"
    market = isinstance(message, Trade | BookUpdate)
    try:
        decoded: Any = (decode_market_data if market else decode_event)(data)
    except MessageError:
        decoded = None
    if market:
        ticks, left_out = of_trades(stored([data]))
        rows = {"ticks": ticks}
    else:
        found, _, left_out = of_events(stored([data]))
        rows = {name: found[name] for name in ("executions", "orders")}
    if left_out:
        ((seq, problem),) = left_out
        assert not any(rows.values())
        assert seq == 1
        assert problem.startswith("market data: " if market else "event: ")
        if decoded is None or any(words in problem for words in BEYOND) or not is_json(data):
            return
        # Of a message that makes no row, plain Python looks at more, and of one of another kind at less.
        assert isinstance(decoded, BookUpdate), problem
    elif decoded is None:
        assert market, data  # a book, whose levels nobody looks at here
        assert not any(rows.values())
    elif market:
        assert rows["ticks"] == reference.ticks(decoded, 1)
    else:
        assert rows["executions"] == reference.executions(decoded, 1)
        assert rows["orders"] == reference.order_events(decoded, 1)


@given(st.lists(st.binary(max_size=200), max_size=5), EVENTS)
def test_any_bytes_leave_the_messages_beside_them_alone(garbage: list[bytes], event: AnyEvent) -> None:
    rows, _, left_out = of_events(stored([*garbage, event, *garbage]))
    assert [seq for seq, _ in left_out] == [
        *range(1, len(garbage) + 1),
        *range(len(garbage) + 2, 2 * len(garbage) + 2),
    ]
    assert rows["orders"] == reference.order_events(event, len(garbage) + 1)


@pytest.mark.parametrize("lot", [1.0, 0.1, 0.001, 1e-8])
def test_positions_are_the_reference_s_to_the_last_bit(lot: float) -> None:
    chance = random.Random(5)
    plain, core = Accounts(value=1e6, max_leverage=4.0, currency="USD"), Positions(1e6)
    fills = [
        Fill(
            symbol=chance.choice("ABC"), ts=seq * 10**9, seq=seq, pos=1, user_id=chance.randint(1, 5), order_id=seq,
            side="buy" if chance.random() < 0.5 else "sell", price=chance.randint(9_000, 11_000) / 100,
            quantity=round(chance.randint(1, 50) * lot, 8), maker_order_id=1, maker_user_id=chance.randint(1, 5),
        )
        for seq in range(1, 3000)
    ]  # fmt: skip
    wanted, told = [], []
    for fill in fills:
        told += plain.ended(fill.ts)
        wanted += plain.apply(fill, fill.seq)
    rows, snapshots, _ = of_events(stored(fills), core)
    assert rows["positions"] == wanted
    assert [(ts, account) for ts, account, *_ in snapshots] == [(row["ts"], row["account_id"]) for row in told]
    assert [each[2] for each in snapshots] == pytest.approx([float(row["equity"]) for row in told])


def test_fills_that_are_stored_are_not_counted_again() -> None:
    fill = Fill(
        symbol="A", ts=1, seq=1, pos=1, user_id=1, order_id=1, side="buy", price=2.0, quantity=3.0,
        maker_order_id=2, maker_user_id=2,
    )  # fmt: skip
    rows, _, _ = of_events(stored([fill, fill, fill]), after=2)
    assert [row["stream_seq"] for row in rows["executions"]] == [1, 2, 3]
    assert [(row["stream_seq"], row["quantity"]) for row in rows["positions"]] == [(3, 3.0), (3, -3.0)]
