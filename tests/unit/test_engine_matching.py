"""What the engine decides, command by command."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cift.core.matching import Matcher
from cift.core.messages import (
    Accepted,
    AnyCommand,
    Cancelled,
    CancelOrder,
    Fill,
    MassCancel,
    ModifyOrder,
    NewOrder,
    Reduced,
    ReduceOrder,
    Rejected,
    SetInstrument,
    SetLimits,
)
from cift.core.serialization import encode

LIMITS = SetLimits(
    symbol="_limits", ts=0, user_id=0, max_position=1000.0, max_notional=1e6, max_leverage=10.0, account_value=1e6
)


def instrument(tick: float = 0.01, lot: float = 1.0) -> SetInstrument:
    return SetInstrument(symbol="AAPL", ts=0, user_id=0, tick_size=tick, lot_size=lot)


def order(side: str, quantity: float, price: float | None = 100.0, user: int = 1, **more: object) -> NewOrder:
    kind = "market" if price is None else "limit"
    fields = {"symbol": "AAPL", "ts": 5, "user_id": user, "side": side, "order_type": kind, "quantity": quantity}
    return NewOrder(**{**fields, "price": price, **more})  # type: ignore[arg-type]


def cancel(order_id: int, user: int = 1) -> CancelOrder:
    return CancelOrder(symbol="AAPL", ts=6, user_id=user, order_id=order_id)


def modify(order_id: int, user: int = 1, **to: Any) -> ModifyOrder:
    return ModifyOrder(symbol="AAPL", ts=6, user_id=user, order_id=order_id, **to)


def mass_cancel(user: int = 1, **which: Any) -> MassCancel:
    return MassCancel(**{"symbol": "AAPL", "ts": 6, "user_id": user} | which)


class Bench:
    """Numbers the commands as the journal would."""

    def __init__(self, *commands: AnyCommand) -> None:
        self.matcher = Matcher()
        self.sequence = 0
        for command in commands or (instrument(), LIMITS):
            self(command)

    def __call__(self, command: AnyCommand) -> list[object]:
        self.sequence += 1
        return list(self.matcher.apply(self.sequence, command))

    def code(self, command: AnyCommand) -> str:
        before = self.matcher.book("AAPL", 0, 10) if "AAPL" in self.matcher.instruments else None
        (event,) = self(command)
        assert isinstance(event, Rejected)
        assert event.last
        if before is not None:
            after = self.matcher.book("AAPL", 0, 10)
            assert (after.bids, after.asks) == (before.bids, before.asks), "a refused command changed the book"
        return event.code


def test_a_resting_order_is_accepted_and_fills_when_met() -> None:
    bench = Bench()
    (accepted,) = bench(order("sell", 10, user=1))
    assert accepted == Accepted(
        symbol="AAPL", ts=5, seq=3, pos=0, user_id=1, order_id=3, last=True,
        side="sell", quantity=10, price=100.0, resting=10,
    )  # fmt: skip
    accepted, fill = bench(order("buy", 4, user=2))
    assert isinstance(accepted, Accepted)
    assert (accepted.resting, accepted.last) == (0.0, False)
    assert fill == Fill(
        symbol="AAPL", ts=5, seq=4, pos=1, user_id=2, order_id=4, last=True,
        side="buy", price=100.0, quantity=4, maker_order_id=3, maker_user_id=1,
    )  # fmt: skip
    assert (bench.matcher.position(1, "AAPL"), bench.matcher.position(2, "AAPL")) == (-4.0, 4.0)
    assert bench.matcher.book("AAPL", 5, 10).asks == ((100.0, 6.0),)


@pytest.mark.parametrize(
    ("taker", "reason", "left"),
    [
        (order("buy", 10, user=2, tif="IOC"), "ioc", 7.0),
        (order("buy", 10, None, user=2), "no_liquidity", 7.0),
        (order("buy", 10, user=2, tif="FOK"), "fok", 10.0),
    ],
    ids=["ioc", "market", "fok"],
)
def test_what_may_not_rest_is_cancelled_last(taker: NewOrder, reason: str, left: float) -> None:
    bench = Bench()
    bench(order("sell", 3))
    *_, event = bench(taker)
    assert isinstance(event, Cancelled)
    assert (event.reason, event.quantity, event.last) == (reason, left, True)


def test_a_market_order_that_meets_nobody_trades_nothing() -> None:
    accepted, cancelled = Bench()(order("buy", 5, None))
    assert isinstance(accepted, Accepted)
    assert isinstance(cancelled, Cancelled)
    assert cancelled.quantity == 5.0


def test_cancel_and_reduce() -> None:
    bench = Bench()
    bench(order("buy", 10))
    (reduced,) = bench(ReduceOrder(symbol="AAPL", ts=6, user_id=1, order_id=3, by=4))
    assert isinstance(reduced, Reduced)
    assert reduced.remaining == 6.0
    (cancelled,) = bench(cancel(3))
    assert isinstance(cancelled, Cancelled)
    assert (cancelled.quantity, cancelled.reason) == (6.0, "user")
    assert bench.code(cancel(3)) == "unknown_order"


def test_every_refusal_has_its_code_and_changes_nothing() -> None:
    bench = Bench()
    bench(order("buy", 10, client_order_id="mine"))
    assert bench.code(cancel(99)) == "unknown_order"
    assert bench.code(cancel(3, user=2)) == "not_owner"
    assert bench.code(cancel(-1)) == "out_of_range"
    assert bench.code(order("buy", 1, user=-1)) == "out_of_range"
    assert bench.code(ReduceOrder(symbol="AAPL", ts=6, user_id=2, order_id=3, by=1)) == "not_owner"
    assert bench.code(order("buy", 1, client_order_id="mine")) == "duplicate_client_order_id"
    assert bench.code(order("buy", 1, 100.005)) == "off_grid"
    assert bench.code(order("buy", 1.5)) == "off_grid"
    assert bench.code(order("buy", 0)) == "not_positive"
    assert bench.code(order("buy", 1, float("nan"))) == "not_finite"
    assert bench.code(order("buy", 1, None, order_type="limit")) == "price_missing"
    assert bench.code(order("sell", 1, 99.0, user=2, post_only=True)) == "post_only_would_take"
    assert bench.code(order("buy", 1, symbol="MSFT")) == "unknown_symbol"
    assert bench.code(order("buy", 2000)) == "max_position_size"


def test_without_limits_nothing_may_be_traded() -> None:
    assert Bench(instrument()).code(order("buy", 1)) == "no_limits"


def test_a_client_order_id_is_free_again_when_its_order_is_gone() -> None:
    bench = Bench()
    bench(order("buy", 2, client_order_id="a"))
    bench(order("sell", 2, user=2))
    assert isinstance(bench(order("buy", 2, client_order_id="a"))[0], Accepted)
    bench(cancel(bench.sequence))
    assert isinstance(bench(order("buy", 2, client_order_id="a"))[0], Accepted)


def test_an_instrument_changes_its_grid_only_while_its_book_is_empty() -> None:
    bench = Bench()
    bench(order("buy", 2))
    bench(instrument(tick=0.05))
    assert bench.matcher.instruments == {"AAPL": (0.01, 1.0)}
    bench(cancel(3))
    bench(instrument(tick=0.05))
    assert bench.matcher.instruments == {"AAPL": (0.05, 1.0)}


def test_positions_of_small_lots_do_not_drift() -> None:
    bench = Bench(instrument(lot=0.1), LIMITS)
    for _ in range(30):
        bench(order("sell", 0.1, user=2))
        bench(order("buy", 0.1, user=1))
    assert bench.matcher.position(1, "AAPL") == 3.0


def recent(commands: list[AnyCommand], chance: random.Random) -> tuple[int, AnyCommand]:
    """Return one of the last commands with its number: an order that may well be live, with its owner."""
    number = max(1, len(commands) + 1 - chance.randint(1, 30))
    return number, commands[number - 1]


def random_commands(count: int, seed: int = 7) -> list[AnyCommand]:
    chance = random.Random(seed)
    commands: list[AnyCommand] = [instrument(), LIMITS]
    while len(commands) < count:
        user = chance.randint(1, 4)
        kind = chance.random()
        some_order, opened = recent(commands, chance)
        owner = opened.user_id if chance.random() < 0.9 else user
        price = None if chance.random() < 0.1 else 100 + chance.randint(-5, 5) / 100
        if kind < 0.2:
            commands.append(cancel(some_order, owner))
        elif kind < 0.4:
            commands.append(modify(some_order, owner, price=price, quantity=chance.choice([None, *range(1, 9)])))
        elif kind < 0.42:
            commands.append(mass_cancel(user, side=chance.choice([None, "buy", "sell"]), min_price=price))
        else:
            commands.append(order(chance.choice(["buy", "sell"]), chance.randint(1, 9), price, user))
    return commands


def test_the_same_journal_gives_the_same_events_and_state() -> None:
    runs = []
    for _ in range(2):
        matcher = Matcher()
        events = [e for seq, c in enumerate(random_commands(3000), 1) for e in matcher.apply(seq, c)]
        runs.append((encode(events), matcher.state_hash()))
    assert runs[0] == runs[1]


def test_each_command_has_one_last_event_and_shares_balance() -> None:
    matcher = Matcher()
    for seq, command in enumerate(random_commands(3000), 1):
        events = matcher.apply(seq, command)
        assert [event.pos for event in events] == list(range(len(events)))
        assert [event.last for event in events] == [False] * (len(events) - 1) + [True] * bool(events)
    assert sum(matcher.position(user, "AAPL") for user in range(1, 5)) == 0.0


def test_an_order_whose_time_is_over_is_refused_in_a_book_without_others_of_its_kind() -> None:
    bench = Bench()
    assert bench.code(order("buy", 10, tif="GTD", expires=5)) == "expired"
    (accepted,) = bench(order("buy", 10, tif="GTD", expires=6))
    assert isinstance(accepted, Accepted)
    assert accepted.resting == 10
