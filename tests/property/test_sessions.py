"""Days of random orders and phases: no quantity is lost, no book trades crossed, a restart changes nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from cift.core.matching import Matcher
from cift.core.messages import (
    Accepted,
    AnyCommand,
    Cancelled,
    CancelOrder,
    EndOfDay,
    Fill,
    NewOrder,
    Phase,
    SetPhase,
    Uncross,
    Uncrossed,
)
from tests.property.deciding import OPENING, decided

USERS = (1, 2, 3)
WHOSE = {"symbol": st.just("AAPL"), "ts": st.integers(1, 9), "user_id": st.sampled_from(USERS)}
SIDED = WHOSE | {"side": st.sampled_from(["buy", "sell"]), "quantity": st.integers(1, 5).map(float)}
PRICES = st.integers(97, 103).map(float)
LIMITS = st.builds(
    NewOrder, **SIDED, order_type=st.just("limit"), price=PRICES,
    tif=st.sampled_from(["GTC", "DAY", "ATO", "ATC", "IOC"]), hidden=st.booleans(),
) | st.builds(
    NewOrder, **SIDED, order_type=st.just("limit"), price=PRICES, tif=st.sampled_from(["GTC", "DAY", "ATO"]),
    display_quantity=st.sampled_from([None, 1.0]),
) | st.builds(
    NewOrder, **SIDED, order_type=st.just("limit"), price=PRICES, tif=st.just("GTD"), expires=st.integers(5, 12)
)  # fmt: skip
STOPS = st.builds(
    NewOrder, **SIDED, order_type=st.just("stop"), price=PRICES, trigger_price=PRICES,
    tif=st.sampled_from(["GTC", "DAY"]),
)  # fmt: skip
CANCELS = st.builds(CancelOrder, **WHOSE, order_id=st.integers(3, 40))
AAPL = st.just("AAPL")
WHERE = {"symbol": st.just("_session.AAPL"), "ts": st.integers(1, 9), "user_id": st.just(0), "instrument": AAPL}
SESSIONS = (
    st.builds(SetPhase, **WHERE, phase=st.sampled_from(get_args(Phase)))
    | st.builds(Uncross, **WHERE, reference=st.none() | PRICES, then=st.sampled_from(["continuous", "halted"]))
    | st.builds(EndOfDay, **WHERE)
)
FLOW = st.lists(LIMITS | LIMITS | STOPS | CANCELS | SESSIONS, max_size=60)


@given(FLOW, st.integers(3, 62))
def test_a_restart_changes_nothing(commands: list[AnyCommand], restart: int) -> None:
    matcher, events = decided(commands)
    again, repeated = decided(commands, restart)
    assert repeated == events
    assert again.state_hash() == matcher.state_hash()


@given(FLOW)
def test_no_quantity_is_lost_and_none_comes_from_nowhere(commands: list[AnyCommand]) -> None:
    matcher, events = decided(commands)
    asked: dict[int, tuple[int, float]] = {}
    out: Counter[int] = Counter()
    held: Counter[int] = Counter()
    for event in (each for told in events for each in told):
        if isinstance(event, Accepted):
            asked[event.order_id] = (event.user_id, event.quantity)
        elif isinstance(event, Fill):
            signed = int(event.quantity if event.side == "buy" else -event.quantity)
            for order_id, user, lots in (
                (event.order_id, event.user_id, signed),
                (event.maker_order_id, event.maker_user_id, -signed),
            ):
                assert asked[order_id][0] == user
                out[order_id] += abs(lots)
                held[user] += lots
        elif isinstance(event, Cancelled):
            assert asked[event.order_id][0] == event.user_id
            out[event.order_id] += int(event.quantity)
    book: Any = matcher._markets["AAPL"].book
    stops = {stop[0]: stop[3] for stop in book.stops()}
    for order_id, (_, quantity) in asked.items():
        order = book.order(order_id)
        rests = stops.get(order_id, 0.0) if order is None else order.quantity
        assert out[order_id] + rests == quantity
    for user in USERS:
        assert matcher.position(user, "AAPL") == held[user]


@given(FLOW)
def test_positions_in_a_command_and_crossed_books(commands: list[AnyCommand]) -> None:
    matcher = Matcher()
    for number, command in enumerate(OPENING + commands, 1):
        events = matcher.apply(number, command)
        assert [event.pos for event in events] == list(range(len(events)))
        assert [event.last for event in events] == [False] * (len(events) - 1) + [True] * bool(events)
        if number == 1:
            continue
        book = matcher.book("AAPL", 0, 20)
        crossed = bool(book.bids and book.asks and book.bids[0][0] >= book.asks[0][0])
        assert not crossed or book.phase != "continuous"
        if book.phase == "continuous":
            assert book.indicative_price is None
        elif crossed and book.phase != "halted":
            assert book.indicative_price is not None
        if events and isinstance(events[-1], Uncrossed):
            said = events[-1]
            at_the_price = sum(each.quantity for each in events if isinstance(each, Fill) and each.price == said.price)
            assert at_the_price >= said.volume
            assert not crossed
