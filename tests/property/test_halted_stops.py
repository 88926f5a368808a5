"""A stop that fires while its owner may not trade is cancelled, and everything else is decided as ever."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cift.core.messages import (
    AnyCommand,
    Cancelled,
    CancelOrder,
    Fill,
    KillSwitch,
    NewOrder,
    TradingState,
)
from tests.property.deciding import OPENING, decided

USERS = (1, 2, 3)

WHOSE = {"symbol": st.just("AAPL"), "ts": st.just(1), "user_id": st.sampled_from(USERS)}
SIDED = WHOSE | {"side": st.sampled_from(["buy", "sell"]), "quantity": st.integers(1, 5).map(float)}
PRICES = st.integers(97, 103).map(float)
ORDERS = st.builds(NewOrder, **SIDED, order_type=st.just("limit"), price=PRICES)
STOPS = st.builds(
    NewOrder, **SIDED, order_type=st.just("stop"), price=st.none() | PRICES, trigger_price=PRICES
) | st.builds(NewOrder, **SIDED, order_type=st.just("stop"), trail=st.integers(1, 3).map(float))
CANCELS = st.builds(CancelOrder, **WHOSE, order_id=st.integers(3, 40))
ACCOUNTS = st.builds(
    KillSwitch, symbol=st.just("_state"), ts=st.just(1), user_id=st.sampled_from(USERS),
    state=st.sampled_from(["active", "halted", "halted"]),
)  # fmt: skip
FLOW = st.lists(ORDERS | STOPS | STOPS | CANCELS | ACCOUNTS, max_size=60)


@given(FLOW)
def test_a_halted_account_takes_nothing(commands: list[AnyCommand]) -> None:
    states: dict[int, TradingState] = {}
    _, events = decided(commands)
    for command, caused in zip(OPENING + commands, events, strict=True):
        if isinstance(command, KillSwitch):
            states[command.user_id] = command.state
        takers = {event.user_id for event in caused if isinstance(event, Fill)}
        assert all(states.get(user) != "halted" for user in takers)
        barred = {event.user_id for event in caused if isinstance(event, Cancelled) and event.reason == "kill_switch"}
        assert all(states.get(user) == "halted" for user in barred)


@given(FLOW, st.integers(3, 62))
def test_a_restart_changes_nothing(commands: list[AnyCommand], restart: int) -> None:
    matcher, events = decided(commands)
    again, repeated = decided(commands, restart)
    assert repeated == events
    assert again.state_hash() == matcher.state_hash()


@given(FLOW)
def test_who_is_halted_without_a_stop_is_decided_as_ever(commands: list[AnyCommand]) -> None:
    """Without a stop of theirs that fires, all that is different is that their own orders are refused."""
    _, events = decided(commands)
    if any(getattr(event, "reason", "") == "kill_switch" for caused in events for event in caused):
        return
    states: dict[int, Any] = {}
    passed: list[AnyCommand] = []
    for command in commands:
        if isinstance(command, KillSwitch):
            states[command.user_id] = command.state
        refused = isinstance(command, NewOrder) and states.get(command.user_id) == "halted"
        nothing = CancelOrder(symbol="AAPL", ts=1, user_id=1, order_id=10**9)
        passed.append(nothing if refused or isinstance(command, KillSwitch) else command)
    books = [matcher.book("AAPL", 0, 20) for matcher in (decided(commands)[0], decided(passed)[0])]
    assert (books[0].bids, books[0].asks) == (books[1].bids, books[1].asks)


def order(side: str, quantity: float, user: int, **more: Any) -> NewOrder:
    fields = {"symbol": "AAPL", "ts": 1, "user_id": user, "side": side, "quantity": quantity, "order_type": "limit"}
    return NewOrder(**fields | more)


def test_the_cancel_says_why_and_the_others_go_on() -> None:
    halt = KillSwitch(symbol="_state.account.1", ts=1, user_id=1, state="halted", by=9)
    matcher, events = decided([
        order("buy", 1, 2, price=100.0),
        order("sell", 1, 3, price=100.0),  # the last price is 100
        order("sell", 5, 1, order_type="stop", trigger_price=99.0),
        order("sell", 4, 3, order_type="stop", trigger_price=99.0),
        order("buy", 9, 2, price=99.0),
        order("buy", 9, 2, price=98.0),
        halt,
        order("sell", 1, 3, price=99.0),
    ])  # fmt: skip
    _, fill, fired, barred = events[-1]
    assert isinstance(fill, Fill)
    assert isinstance(barred, Cancelled)
    assert (barred.order_id, barred.user_id, barred.quantity, barred.reason) == (5, 1, 5.0, "kill_switch")
    assert isinstance(fired, Fill)
    assert (fired.order_id, fired.user_id, fired.quantity) == (6, 3, 4.0)
    assert matcher.book("AAPL", 0, 5).bids == ((99.0, 4.0), (98.0, 9.0))


def test_what_rests_in_a_halted_account_stays_and_trades() -> None:
    halt = KillSwitch(symbol="_state.account.1", ts=1, user_id=1, state="halted", by=9)
    _, events = decided([order("sell", 5, 1, price=100.0), halt, order("buy", 5, 2, price=100.0)])
    assert [(event.user_id, event.maker_user_id) for event in events[-1] if isinstance(event, Fill)] == [(2, 1)]
