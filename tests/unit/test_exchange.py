"""Exchange: many symbols behind one risk engine, one command in, its events out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cift_core import EXCHANGE_COMMAND_DTYPE, EXCHANGE_EVENT_DTYPE, Exchange
from cift_core.exchange import (
    ALL_OR_NONE,
    EVERY_SIDE,
    EVERY_SYMBOL,
    EVERY_USER,
    HIDDEN,
    PEG_MARKET,
    PEG_MID,
    PEG_PRIMARY,
    REDUCE_ONLY,
    EventKind,
    Op,
    commands,
)

CODES = {name: number for number, (name, _) in Exchange.reasons().items()}


class Desk:
    """An exchange with two symbols; every command gets the next order id unless it names one."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.exchange.add_symbol("AAPL")
        self.exchange.add_symbol("BTC", tick_size=0.01, lot_size=1e-8)
        self.id = 0

    def send(self, op: Op, user: int = 1, symbol: int = 0, **fields: Any) -> list[tuple[str, int, float]]:
        """Return the events as kind, order (or code, when rejected) and quantity."""
        if "order_id" not in fields and op in (Op.LIMIT, Op.MARKET, Op.STOP, Op.MARKET_TO_LIMIT):
            self.id += 1
            fields["order_id"] = self.id
        events = self.exchange.submit_batch(commands({"op": op, "user_id": user, "symbol": symbol, **fields}))
        return [
            (
                EventKind(event["kind"]).name.lower(),
                int(event["code"] if event["kind"] == EventKind.REJECTED else event["order_id"]),
                float(event["quantity"]),
            )
            for event in events
        ]

    def limit(self, user: int, side: int, price: float, quantity: float, **fields: Any) -> list[tuple[str, int, float]]:
        return self.send(Op.LIMIT, user, side=side, price=price, quantity=quantity, **fields)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def refused(reason: str) -> list[tuple[str, int, float]]:
    return [("rejected", CODES[reason], 0.0)]


def test_both_sides_of_a_trade_are_booked(desk: Desk) -> None:
    assert desk.limit(1, 1, 10.0, 5) == [("accepted", 1, 5.0)]
    assert desk.exchange.user(1).held == 50.0  # type: ignore[union-attr]
    assert desk.limit(2, 0, 10.5, 8) == [("fill", 2, 5.0), ("accepted", 2, 3.0)]
    seller, buyer = desk.exchange.user(1), desk.exchange.user(2)
    assert seller is not None
    assert buyer is not None
    assert (seller.held, seller.exposure, seller.open_orders) == (0.0, 50.0, 0)
    assert (buyer.held, buyer.exposure, buyer.open_orders) == (31.5, 50.0, 1)
    assert desk.exchange.account(1, "AAPL").position == -5.0
    assert (desk.exchange.account(2, 0).position, desk.exchange.account(2, 0).open_buy) == (5.0, 3.0)


def test_a_book_that_refuses_holds_nothing(desk: Desk) -> None:
    desk.limit(1, 1, 10.0, 5)
    desk.exchange.set_limit("duplicate_window", 1000)
    rejected = desk.limit(2, 0, 10.0, 5, flags=1)
    assert rejected[0][0] == "rejected"
    assert rejected[0][1] < 256
    assert desk.exchange.user(2).open_orders == 0  # type: ignore[union-attr]
    assert desk.limit(2, 0, 10.0, 5)[0][0] == "fill", "what the book refused is no repetition"


def test_a_market_order_trades_no_further_than_the_collar(desk: Desk) -> None:
    desk.exchange.set_limit("collar_reference", 0.1)
    desk.exchange.set_reference("AAPL", 10.0)
    desk.limit(1, 1, 10.5, 5)
    desk.exchange.set_limit("collar_reference", 0.5, user_id=1)
    desk.limit(1, 1, 12.0, 5)
    assert desk.send(Op.MARKET, 2, side=0, quantity=8) == [
        ("fill", 3, 5.0),
        ("cancelled", 3, 3.0),
        ("accepted", 3, 0.0),
    ]
    assert desk.send(Op.MARKET, 2, side=0, quantity=8)[0] == ("cancelled", 4, 8.0)


def test_a_seller_is_judged_by_the_price_that_a_bid_pays(desk: Desk) -> None:
    desk.limit(1, 0, 10.0, 100)
    desk.exchange.set_limit("max_notional", 500)
    assert desk.limit(2, 1, 1.0, 51) == refused("max_notional")
    assert desk.exchange.check_order("AAPL", 2, "sell", 51, 1.0) == (False, "max_notional")
    assert desk.limit(2, 1, 1.0, 50)[0] == ("fill", 3, 50.0)


def test_only_the_owner_cancels_reduces_and_changes(desk: Desk) -> None:
    desk.limit(1, 0, 10.0, 5)
    for op in (Op.CANCEL, Op.REDUCE, Op.MODIFY):
        assert desk.send(op, 2, order_id=1, quantity=2) == refused("not_owner")
    assert desk.send(Op.REDUCE, 1, order_id=1, quantity=2) == [("cancelled", 1, 2.0)]
    assert desk.send(Op.MODIFY, 1, order_id=1, price=9.0) == [("accepted", 1, 3.0)]
    assert desk.exchange.user(1).held == 27.0  # type: ignore[union-attr]
    assert desk.send(Op.CANCEL, 1, order_id=1) == [("cancelled", 1, 3.0)]
    assert desk.send(Op.CANCEL, 1, order_id=1)[0][0] == "rejected"
    assert desk.exchange.user(1).held == 0.0  # type: ignore[union-attr]


def test_a_change_that_is_refused_leaves_the_order(desk: Desk) -> None:
    desk.limit(1, 0, 10.0, 5)
    desk.exchange.set_limit("max_quantity", 6)
    assert desk.send(Op.MODIFY, 1, order_id=1, quantity=7) == refused("max_quantity")
    assert desk.exchange.depth("AAPL")[0] == [(10.0, 5.0)]
    assert desk.exchange.account(1, "AAPL").open_buy == 5.0


@pytest.mark.parametrize(
    ("scope", "left"),
    [({}, []), ({"symbol": "AAPL"}, [3, 4]), ({"user_id": 1}, [2, 4]), ({"user_id": 1, "symbol": "BTC"}, [1, 2, 4])],
)
def test_the_kill_switch_cancels_and_keeps_shut(desk: Desk, scope: dict[str, Any], left: list[int]) -> None:
    for symbol in (0, 1):
        for user in (1, 2):
            desk.send(Op.LIMIT, user, symbol, side=0, price=10.0, quantity=1)
    events = desk.exchange.kill(**scope)
    gone = [int(event["order_id"]) for event in events if event["kind"] == EventKind.CANCELLED]
    assert sorted(gone + left) == [1, 2, 3, 4]
    user, symbol = scope.get("user_id", 1), 1 if scope.get("symbol") == "BTC" else 0
    assert desk.send(Op.LIMIT, user, symbol, side=0, price=10.0, quantity=1) == refused("kill_switch")
    desk.exchange.kill(False, **scope)
    assert desk.send(Op.LIMIT, user, symbol, side=0, price=10.0, quantity=1)[0][0] == "accepted"


def test_states(desk: Desk) -> None:
    desk.limit(1, 0, 10.0, 5)
    desk.limit(2, 1, 10.0, 5)
    desk.exchange.set_state("reducing", symbol="AAPL")
    assert desk.limit(1, 0, 10.0, 1) == refused("reduce_only")
    assert desk.limit(1, 1, 11.0, 5) == [("accepted", 4, 5.0)]
    assert desk.limit(1, 1, 11.0, 1) == refused("reduce_only")
    desk.exchange.set_state("halted")
    assert desk.limit(1, 1, 11.0, 1) == refused("halted")
    assert desk.send(Op.CANCEL, 1, order_id=4) == [("cancelled", 4, 5.0)], "cancels pass always"
    desk.exchange.set_state("active")
    desk.exchange.set_state("active", symbol="AAPL")
    assert desk.limit(1, 0, 10.0, 1)[0][0] == "accepted"
    with pytest.raises(ValueError, match='state "open" is not one of active, reducing, halted'):
        desk.exchange.set_state("open")  # type: ignore[arg-type]


def test_a_reduce_only_order_is_cut_to_the_position(desk: Desk) -> None:
    assert desk.limit(1, 1, 10.0, 5, flags=REDUCE_ONLY) == refused("reduce_only")
    desk.limit(1, 0, 10.0, 5)
    desk.limit(2, 1, 10.0, 5)
    assert desk.limit(1, 0, 10.0, 6, flags=REDUCE_ONLY) == refused("reduce_only")
    assert desk.limit(1, 1, 10.0, 6, flags=REDUCE_ONLY) == [("cancelled", 5, 1.0), ("accepted", 5, 5.0)]
    user = desk.exchange.user(1)
    assert user is not None
    assert (user.held, user.open_orders) == (0.0, 1), "what only reduces holds nothing back"
    # A plain order reduces the position as well: the resting one shrinks with it.
    desk.limit(2, 0, 9.0, 2)
    assert desk.send(Op.MARKET, 1, side=1, quantity=2) == [
        ("fill", 7, 2.0),
        ("cancelled", 5, 2.0),
        ("accepted", 7, 0.0),
    ]
    assert desk.exchange.account(1, "AAPL").open_sell == 3.0
    assert desk.send(Op.MARKET_TO_LIMIT, 2, side=0, quantity=9)[0] == ("fill", 8, 3.0)
    assert desk.exchange.account(1, "AAPL").position == 0.0
    assert desk.send(Op.MARKET, 1, side=1, quantity=2, flags=REDUCE_ONLY) == refused("reduce_only")


def test_a_refused_reduce_only_order_leaves_no_trace(desk: Desk) -> None:
    desk.limit(1, 0, 10.0, 5)
    desk.limit(2, 1, 10.0, 5)
    desk.limit(3, 0, 9.0, 5)
    before, time = desk.exchange.state_hash(), {"time": 0}
    # The id is taken: the book refuses, and does not watch the user's position from then on.
    assert desk.limit(1, 1, 9.5, 5, flags=REDUCE_ONLY, order_id=3, **time)[0][0] == "rejected"
    again = Exchange()
    again.restore(desk.exchange.snapshot())
    assert again.state_hash() == desk.exchange.state_hash() != before, "the event alone was counted"


def test_a_stop_that_only_reduces_is_measured_when_it_fires(desk: Desk) -> None:
    desk.send(Op.STOP, 1, side=1, quantity=9, trigger=9.0, flags=REDUCE_ONLY)
    desk.limit(1, 0, 10.0, 5)
    desk.limit(2, 1, 10.0, 5)
    desk.limit(3, 0, 9.0, 20)
    desk.limit(2, 1, 9.0, 1)
    assert desk.exchange.account(1, "AAPL").position == 0.0
    assert desk.exchange.account(3, "AAPL").position == 6.0
    assert desk.exchange.user(1).open_orders == 0  # type: ignore[union-attr]


def test_every_order_type_goes_through_an_exchange(desk: Desk) -> None:
    assert desk.limit(1, 0, 10.0, 5, flags=HIDDEN) == [("accepted", 1, 5.0)]
    assert desk.limit(1, 0, 10.0, 50, flags=ALL_OR_NONE) == [("accepted", 2, 50.0)]
    assert desk.exchange.depth("AAPL") == ([], [])
    desk.limit(1, 0, 9.0, 5)
    desk.limit(2, 1, 11.0, 5)
    pegged = {"side": 0, "quantity": 5, "order_id": 100, "flags": PEG_MARKET, "trail": -0.5, "price": 10.2}
    assert desk.send(Op.PEGGED, 3, **pegged) == [("accepted", 100, 5.0)]
    assert desk.exchange.user(3).held == 51.0  # type: ignore[union-attr]
    # The peg takes the first five at its limit, the hidden order the rest: the large one is passed over.
    fills = desk.limit(4, 1, 10.0, 7)
    assert fills == [("fill", 5, 5.0), ("fill", 5, 2.0), ("accepted", 5, 0.0)]
    assert desk.exchange.user(3).open_orders == 0  # type: ignore[union-attr]
    desk.limit(2, 1, 11.0, 5)
    assert desk.send(Op.NOTIONAL, 5, side=0, quantity=65.0, order_id=101) == [
        ("fill", 101, 5.0),
        ("accepted", 101, 0.0),
    ]
    assert desk.send(Op.NOTIONAL, 5, side=0, quantity=1.0, order_id=102) == [("accepted", 102, 0.0)]
    assert desk.send(Op.SET_POSITION, 5, quantity=1.0)[0][0] == "rejected"
    assert desk.send(Op.PEGGED, 3, side=0, quantity=5, order_id=103, flags=0)[0][0] == "rejected"


def test_money_trades_no_further_than_the_collar(desk: Desk) -> None:
    desk.limit(1, 1, 10.5, 5)
    desk.limit(1, 1, 12.0, 5)
    desk.exchange.set_limit("collar_reference", 0.1)
    desk.exchange.set_reference("AAPL", 10.0)
    assert desk.send(Op.NOTIONAL, 2, side=0, quantity=100.0, order_id=50) == [("fill", 50, 5.0), ("accepted", 50, 0.0)]


def test_a_kill_takes_every_order_before_any_peg_moves(desk: Desk) -> None:
    desk.limit(1, 0, 10.0, 5)
    desk.limit(1, 0, 9.0, 5)
    desk.send(Op.PEGGED, 1, side=0, quantity=5, order_id=100, flags=PEG_PRIMARY)
    desk.limit(2, 1, 11.0, 5)
    kinds = [event["kind"] for event in desk.exchange.kill(user_id=1)]
    assert kinds == [EventKind.CANCELLED] * 3 + [EventKind.ACCEPTED]


def test_a_volatility_interruption_comes_and_goes_by_command(desk: Desk) -> None:
    """Orders that cross gather, special ones wait in their own ways; the uncrossing lets all of them go on."""
    desk.limit(1, 0, 10.0, 5)
    desk.limit(1, 1, 11.0, 5)
    desk.send(Op.PEGGED, 3, side=0, quantity=5, order_id=100, flags=PEG_MID)
    assert desk.send(Op.SET_PHASE, flags=4) == [("accepted", 0, 0.0)]
    assert desk.limit(2, 1, 9.5, 2) == [("accepted", 3, 2.0)]
    assert desk.limit(2, 1, 9.5, 2, flags=HIDDEN) == [("accepted", 4, 2.0)]
    assert desk.limit(4, 0, 11.0, 4, flags=ALL_OR_NONE) == [("accepted", 5, 4.0)]
    assert desk.send(Op.SET_PHASE, flags=0)[0][0] == "rejected", "crossed: it needs to be uncrossed"
    assert desk.send(Op.UNCROSS) == [
        ("fill", 1, 2.0),
        ("fill", 1, 2.0),
        ("fill", 5, 4.0),
        ("accepted", 0, 0.0),
    ]
    # Mass cancels reach what does not show.
    assert desk.send(Op.MASS_CANCEL, EVERY_USER, side=0, price=10.4) == [("cancelled", 100, 5.0), ("accepted", 0, 0.0)]
    assert desk.send(Op.SET_PHASE, flags=1) == [("accepted", 0, 0.0)]
    assert desk.limit(2, 1, 9.5, 2)[0][0] == "rejected"
    assert desk.send(Op.SET_PHASE, flags=0) == [("accepted", 0, 0.0)]


def test_orders_that_expire_give_back_what_they_held(desk: Desk) -> None:
    desk.limit(1, 0, 10.0, 5, tif=4, expires=100)
    desk.limit(1, 0, 9.0, 5, tif=3)
    assert desk.exchange.user(1).held == 95.0  # type: ignore[union-attr]
    assert desk.limit(2, 0, 8.0, 1, time=100) == [("cancelled", 1, 5.0), ("accepted", 3, 1.0)]
    assert desk.exchange.user(1).held == 45.0  # type: ignore[union-attr]
    assert desk.send(Op.END_OF_DAY, EVERY_USER, EVERY_SYMBOL)[0] == ("cancelled", 2, 5.0)
    assert desk.exchange.user(1).held == 0.0  # type: ignore[union-attr]


def test_a_stop_holds_while_it_waits_and_is_booked_when_it_fires(desk: Desk) -> None:
    assert desk.send(Op.STOP, 1, side=0, quantity=4, trigger=11.0) == [("accepted", 1, 4.0)]
    assert desk.exchange.account(1, "AAPL").open_buy == 4.0
    desk.limit(2, 1, 11.0, 1)
    desk.limit(2, 1, 12.0, 9)
    events = desk.limit(3, 0, 11.0, 1)
    assert events == [("fill", 4, 1.0), ("triggered", 1, 0.0), ("fill", 1, 4.0), ("accepted", 4, 0.0)]
    account = desk.exchange.account(1, "AAPL")
    assert (account.position, account.open_buy) == (4.0, 0.0)
    assert desk.exchange.user(1).held == 0.0  # type: ignore[union-attr]


@pytest.mark.parametrize("scope", [{"user_id": 1}, {"symbol": "AAPL", "user_id": 1}])
def test_a_stop_that_fires_while_its_owner_is_halted_is_cancelled(desk: Desk, scope: dict[str, Any]) -> None:
    desk.send(Op.STOP, 1, side=0, quantity=4, trigger=11.0)
    desk.send(Op.STOP, 4, side=0, quantity=3, trigger=11.0)
    desk.limit(2, 1, 11.0, 1)
    desk.limit(2, 1, 12.0, 9)
    desk.exchange.set_state("halted", **scope)
    assert desk.limit(3, 0, 11.0, 1) == [
        ("fill", 5, 1.0), ("triggered", 1, 0.0), ("cancelled", 1, 4.0), ("triggered", 2, 0.0), ("fill", 2, 3.0),
        ("accepted", 5, 0.0),
    ]  # fmt: skip
    account = desk.exchange.account(1, "AAPL")
    assert (account.position, account.open_buy) == (0.0, 0.0)
    assert desk.exchange.user(1).held == 0.0  # type: ignore[union-attr]


def test_a_mass_cancel_by_user_side_and_price(desk: Desk) -> None:
    for price in (8.0, 9.0, 10.0):
        desk.limit(1, 0, price, 1)
    desk.limit(1, 1, 11.0, 1)
    desk.limit(2, 0, 9.0, 1)
    gone = desk.send(Op.MASS_CANCEL, 1, EVERY_SYMBOL, side=0, price=8.5, trigger=9.5)
    assert gone == [("cancelled", 2, 1.0), ("accepted", 0, 0.0)]
    gone = desk.send(Op.MASS_CANCEL, 1, EVERY_SYMBOL, side=EVERY_SIDE)
    assert [order for kind, order, _ in gone if kind == "cancelled"] == [3, 1, 4]
    assert desk.exchange.user(1).open_orders == 0  # type: ignore[union-attr]


def test_an_auction_is_booked_for_both_sides(desk: Desk) -> None:
    assert desk.send(Op.SET_PHASE, flags=2) == [("accepted", 0, 0.0)]
    desk.limit(1, 0, 10.5, 5)
    desk.limit(2, 1, 10.0, 3)
    assert desk.send(Op.UNCROSS) == [("fill", 1, 3.0), ("accepted", 0, 0.0)]
    assert desk.exchange.account(1, "AAPL").position == 3.0
    assert desk.exchange.account(2, "AAPL").position == -3.0
    assert desk.exchange.user(1).open_orders == 1  # type: ignore[union-attr]


def test_strangers_and_unknown_symbols(desk: Desk) -> None:
    assert desk.send(Op.LIMIT, 1, 7, side=0, price=1.0, quantity=1) == refused("unknown_symbol")
    closed = Exchange(open_access=False)
    closed.add_symbol("AAPL")
    assert closed.check_order("AAPL", 1, "buy", 1, 1.0) == (False, "unauthorised_user")
    closed.authorise(1)
    assert closed.check_order("AAPL", 1, "buy", 1, 1.0) == (True, "ok")
    closed.authorise(1, False)
    assert closed.check_order("AAPL", 1, "buy", 1, 1.0) == (False, "unauthorised_user")
    with pytest.raises(ValueError, match="symbol MSFT is not open for trading"):
        closed.check_order("MSFT", 1, "buy", 1, 1.0)


def test_repeated_executions_wait_for_somebody(desk: Desk) -> None:
    desk.exchange.set_limit("max_executions", 2, window=1000)
    desk.limit(1, 1, 10.0, 9)
    for _ in range(2):
        desk.limit(2, 0, 10.0, 1)
    assert desk.limit(2, 0, 10.0, 1) == refused("repeated_execution")
    assert desk.exchange.account(2, "AAPL").throttled
    assert not desk.exchange.account(1, "AAPL").throttled, "one order that trades twice is one execution"
    desk.exchange.enable(user_id=2)
    assert desk.limit(2, 0, 10.0, 1)[0][0] == "fill"


def test_events_are_numbered_and_time_never_goes_back(desk: Desk) -> None:
    rows = [{"op": Op.ADVANCE, "symbol": EVERY_SYMBOL, "time": time} for time in (5, 3, 9)]
    events = desk.exchange.submit_batch(commands(*rows))
    assert events["sequence"].tolist() == [0, 1, 2]
    assert events["time"].tolist() == [5, 5, 9]
    assert events["command"].tolist() == [0, 1, 2]
    assert (desk.exchange.now, desk.exchange.sequence) == (9, 3)
    assert events.dtype == EXCHANGE_EVENT_DTYPE


def test_what_makes_no_sense_is_named(desk: Desk) -> None:
    with pytest.raises(TypeError, match="EXCHANGE_COMMAND_DTYPE"):
        desk.exchange.submit_batch(np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="contiguous"):
        desk.exchange.submit_batch(np.zeros(4, EXCHANGE_COMMAND_DTYPE)[::2])
    with pytest.raises(ValueError, match='name "max_fun" is not one of max_quantity'):
        desk.exchange.set_limit("max_fun", 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_notional NaN is not a finite number"):
        desk.exchange.set_limit("max_notional", float("nan"))
    with pytest.raises(ValueError, match="max_leverage 2 counts over all symbols: name no symbol"):
        desk.exchange.set_limit("max_leverage", 2, symbol="AAPL")
    with pytest.raises(ValueError, match="symbol"):
        desk.exchange.add_symbol("AAPL")
    with pytest.raises(ValueError, match=r"is not a multiple of 0\.000000000001"):
        desk.exchange.add_symbol("DUST", tick_size=1e-8, lot_size=1e-8)
    with pytest.raises(ValueError, match=r"price 10\.001 is not a multiple of tick_size"):
        desk.exchange.check_order("AAPL", 1, "buy", 1, 10.001)
    with pytest.raises(ValueError, match="starts with other bytes"):
        desk.exchange.restore(b"CIFTBOOK" + bytes(40))


def test_limits_in_units_count_whole_lots(desk: Desk) -> None:
    desk.exchange.set_limit("max_quantity", 0.5, symbol="BTC")
    assert desk.exchange.check_order("BTC", 1, "buy", 0.5, 60_000.01) == (True, "ok")
    assert desk.exchange.check_order("BTC", 1, "buy", 0.50000001, 60_000.01) == (False, "max_quantity")
    desk.exchange.set_limit("max_notional", 30_000.005)
    assert desk.exchange.check_order("BTC", 1, "buy", 0.5, 60_000.01) == (True, "ok")
    desk.exchange.set_limit("max_notional", 30_000.004)
    assert desk.exchange.check_order("BTC", 1, "buy", 0.5, 60_000.01) == (False, "max_notional")


def test_every_reason_has_a_number_and_most_a_rule() -> None:
    reasons = Exchange.reasons()
    assert min(reasons) == 257
    assert len({name for name, _ in reasons.values()}) == len(reasons) == 20
    assert reasons[CODES["duplicate_order"]][1].startswith("SEC 15c3-5")
