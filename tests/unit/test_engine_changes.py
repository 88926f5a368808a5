"""The engine's decisions on orders that rest already: modified one by one, cancelled all at once."""

from __future__ import annotations

from typing import Any

import pytest

from cift.core.matching import Matcher
from cift.core.messages import (
    Accepted,
    AnyEvent,
    Cancelled,
    Fill,
    MassCancel,
    MassCancelled,
    Modified,
    ModifyOrder,
    Rejected,
    SetInstrument,
)
from tests.unit.test_engine_matching import (
    Bench,
    mass_cancel,
    modify,
    order,
    random_commands,
)
from tests.unit.test_engine_special import Bench as SpecialBench
from tests.unit.test_engine_special import told
from tests.unit.test_matcher_snapshot import _commands as special_commands


@pytest.fixture
def bench() -> Bench:
    """Two bids of one price, of users 1 and 2 in this order: orders 3 and 4."""
    bench = Bench()
    bench(order("buy", 10, 100.0, user=1, client_order_id="mine"))
    bench(order("buy", 10, 100.0, user=2))
    return bench


def makers(events: list[Any]) -> list[int]:
    return [event.maker_order_id for event in events if isinstance(event, Fill)]


def test_less_at_the_same_price_keeps_the_place(bench: Bench) -> None:
    assert bench(modify(3, quantity=4)) == [
        Modified(
            symbol="AAPL", ts=6, seq=5, pos=0, user_id=1, order_id=3, last=True, price=100.0, quantity=4.0, resting=4.0
        )
    ]
    assert makers(bench(order("sell", 6, user=5))) == [3, 4]


@pytest.mark.parametrize("to", [{"quantity": 11}, {"price": 99.99}, {"price": 99.99, "quantity": 4}])
def test_more_or_another_price_loses_the_place(bench: Bench, to: dict[str, float]) -> None:
    (modified,) = bench(modify(3, **to))
    assert isinstance(modified, Modified)
    assert (modified.price, modified.quantity) == (to.get("price", 100.0), to.get("quantity", 10.0))
    assert modified.resting == modified.quantity
    assert makers(bench(order("sell", 14, 99.0, user=5))) == [4, 3]


def test_the_same_again_changes_nothing(bench: Bench) -> None:
    before = bench.matcher.book("AAPL", 0, 5).bids
    (modified,) = bench(modify(3, price=100.0, quantity=10))
    assert (modified.price, modified.quantity, modified.resting) == (100.0, 10.0, 10.0)  # type: ignore[attr-defined]
    assert bench.matcher.book("AAPL", 0, 5).bids == before
    assert makers(bench(order("sell", 10, user=5))) == [3]


def test_one_that_crosses_takes_and_the_rest_stays(bench: Bench) -> None:
    bench(order("sell", 4, 100.5, user=3, client_order_id="theirs"))
    assert bench(modify(3, price=100.5)) == [
        Modified(symbol="AAPL", ts=6, seq=6, pos=0, user_id=1, order_id=3, price=100.5, quantity=10.0, resting=6.0),
        Fill(
            symbol="AAPL", ts=6, seq=6, pos=1, user_id=1, order_id=3, last=True,
            side="buy", price=100.5, quantity=4, maker_order_id=5, maker_user_id=3,
        ),
    ]  # fmt: skip
    assert [bench.matcher.position(user, "AAPL") for user in (1, 3)] == [4.0, -4.0]
    assert bench.code(order("buy", 1, 1.0, client_order_id="mine")) == "duplicate_client_order_id"
    assert isinstance(bench(order("sell", 1, 200.0, user=3, client_order_id="theirs"))[0], Accepted)


def test_one_that_trades_whole_is_gone_and_its_name_free(bench: Bench) -> None:
    bench(order("sell", 40, 100.5, user=3))
    modified, fill = bench(modify(3, price=101.0, quantity=12))
    assert isinstance(modified, Modified)
    assert isinstance(fill, Fill)
    assert (modified.resting, fill.quantity, fill.price) == (0.0, 12.0, 100.5)
    assert bench.code(modify(3, quantity=1)) == "unknown_order"
    assert isinstance(bench(order("buy", 1, 1.0, client_order_id="mine"))[0], Accepted)


def test_every_refused_modification_has_its_code_and_changes_nothing(bench: Bench) -> None:
    bench(order("sell", 5, 101.0, user=3))
    bench(order("buy", 5, 99.0, post_only=True))
    book = bench.matcher._markets["AAPL"].book
    before = book.state_hash()
    assert bench.code(modify(99, quantity=1)) == "unknown_order"
    assert bench.code(modify(3, user=2, quantity=1)) == "not_owner"
    assert bench.code(modify(3)) == "nothing_to_change"
    assert bench.code(modify(3, price=100.005)) == "off_grid"
    assert bench.code(modify(3, quantity=1.5)) == "off_grid"
    assert bench.code(modify(3, quantity=0)) == "not_positive"
    assert bench.code(modify(3, price=-1.0)) == "not_positive"
    assert bench.code(modify(3, price=float("nan"))) == "not_finite"
    assert bench.code(modify(6, price=101.0)) == "post_only_would_take"
    assert bench.code(modify(3, quantity=2000)) == "max_position_size"
    assert bench.code(modify(3, price=200_000.0)) == "max_notional"
    assert bench.code(modify(-1, quantity=1)) == "out_of_range"
    assert book.state_hash() == before


def test_a_smaller_size_at_a_higher_price_is_judged_by_both(bench: Bench) -> None:
    """10 at 200,000 are too much, 4 are not."""
    assert isinstance(bench(modify(3, price=200_000.0, quantity=4))[0], Modified)


def test_mass_cancel_tells_each_and_how_many(bench: Bench) -> None:
    """Bids before asks, in the order in which they would trade."""
    bench(order("sell", 5, 101.0, user=1))
    bench(order("sell", 6, 100.5, user=1))
    bench(order("buy", 7, 100.0, user=1))
    first, *others, last = bench(mass_cancel())
    assert first == Cancelled(symbol="AAPL", ts=6, seq=8, pos=0, user_id=1, order_id=3, quantity=10.0)
    assert [(event.order_id, event.quantity, event.reason) for event in others] == [  # type: ignore[attr-defined]
        (7, 7.0, "user"), (6, 6.0, "user"), (5, 5.0, "user"),
    ]  # fmt: skip
    assert last == MassCancelled(symbol="AAPL", ts=6, seq=8, pos=4, user_id=1, order_id=8, last=True, count=4)
    assert bench.matcher.book("AAPL", 0, 5).bids == ((100.0, 10.0),), "the other account's order stays"
    assert bench(mass_cancel()) == [
        MassCancelled(symbol="AAPL", ts=6, seq=9, pos=0, user_id=1, order_id=9, last=True, count=0)
    ]
    assert isinstance(bench(order("buy", 1, client_order_id="mine"))[0], Accepted), "the name is free again"


@pytest.mark.parametrize(
    ("which", "gone"),
    [
        ({"side": "buy"}, [3, 6]),
        ({"side": "sell"}, [5]),
        ({"min_price": 100.0}, [3, 5]),
        ({"max_price": 100.0}, [3, 6]),
        ({"min_price": 99.5, "max_price": 99.5}, [6]),
        ({"side": "sell", "max_price": 100.99}, []),
        ({"min_price": 101.0, "max_price": 99.0}, []),
    ],
)
def test_mass_cancel_of_a_side_or_a_range(bench: Bench, which: dict[str, Any], gone: list[int]) -> None:
    bench(order("sell", 5, 101.0, user=1))
    bench(order("buy", 6, 99.5, user=1))
    *cancelled, last = bench(mass_cancel(**which))
    assert [event.order_id for event in cancelled] == gone  # type: ignore[attr-defined]
    assert isinstance(last, MassCancelled)
    assert last.count == len(gone)


def test_a_mass_cancel_is_of_one_symbol(bench: Bench) -> None:
    bench(SetInstrument(symbol="MSFT", ts=0, user_id=0, tick_size=0.01, lot_size=1.0))
    bench(order("buy", 1, symbol="MSFT"))
    assert bench(mass_cancel())[-1].count == 1  # type: ignore[attr-defined]
    assert bench.matcher.book("MSFT", 0, 5).bids == ((100.0, 1.0),)


def test_every_refused_mass_cancel_has_its_code(bench: Bench) -> None:
    assert bench.code(mass_cancel(symbol="TSLA")) == "unknown_symbol"
    assert bench.code(mass_cancel(min_price=100.005)) == "off_grid"
    assert bench.code(mass_cancel(max_price=float("inf"))) == "not_finite"
    assert bench.code(mass_cancel(user=-1)) == "out_of_range"


def test_all_of_a_mass_cancel_leave_before_anything_follows() -> None:
    """A peg that would take from another of the cancelled orders finds it gone."""
    bench = SpecialBench()
    bench.order("sell", 5, 10.0, user=2)
    bench.order("sell", 5, 10.5, user=2, hidden=True, client_order_id="h")
    bench.order("buy", 5, 9.0, user=3)
    bench.order("sell", 1, 11.6, user=5)
    bench.order("buy", 4, user=4, order_type="pegged", peg="mid", offset=0.3)
    bench.order("sell", 5, user=2, order_type="stop", trigger_price=1.0, client_order_id="s")
    bench.order("sell", 5, user=3, order_type="stop", trigger_price=1.0)
    assert told(bench(mass_cancel(user=2))) == [
        ("cancelled", 3, 2, 5.0, "user"),
        ("cancelled", 4, 2, 5.0, "user"),
        ("cancelled", 8, 2, 5.0, "user"),
        ("MassCancelled",),
    ]
    for name in ("h", "s"):
        assert isinstance(bench.order("buy", 1, 1.0, user=2, client_order_id=name)[0], Accepted)


def test_what_a_mass_cancel_moves_is_told_before_its_last_event() -> None:
    bench = SpecialBench()
    bench.order("sell", 5, 10.0, user=2)
    bench.order("sell", 5, 10.5, user=6, hidden=True)
    bench.order("buy", 5, 9.0, user=3)
    bench.order("sell", 1, 11.6, user=5)
    bench.order("buy", 4, user=4, order_type="pegged", peg="mid", offset=0.3)
    assert told(bench(mass_cancel(user=2))) == [
        ("cancelled", 3, 2, 5.0, "user"),
        ("fill", 7, 4, "buy", 4, 4.0),
        ("MassCancelled",),
    ]
    assert bench.matcher.position(4, "AAPL") == 4.0


def test_a_stop_fired_by_a_modification_is_told() -> None:
    bench = SpecialBench()
    bench.order("buy", 5, 9.0, user=2)
    bench.order("buy", 5, 8.0, user=2)
    bench.order("sell", 3, user=7, order_type="stop", trigger_price=9.0, client_order_id="s")
    bench.order("sell", 5, 9.5, user=3)
    modified, *others = bench(modify(6, user=3, price=9.0))
    assert isinstance(modified, Modified)
    assert told(others) == [("fill", 6, 3, "sell", 3, 5.0), ("fill", 5, 7, "sell", 4, 3.0)]
    assert isinstance(bench.order("sell", 1, 99.0, user=7, client_order_id="s")[0], Accepted)


def test_stops_that_wait_and_pegs() -> None:
    """A stop is not modified; a peg's price is its limit, by which risk judges it, or the market."""
    bench = SpecialBench()
    bench.order("sell", 5, user=1, order_type="stop", trigger_price=9.0)
    assert told(bench(modify(3, user=1, quantity=4))) == [("rejected", "not_resting")]
    assert told(bench(modify(3, user=2, quantity=4))) == [("rejected", "unknown_order")]
    bench.order("buy", 5, 9.0, user=2)
    bench.order("sell", 5, 10.0, user=2)
    bench.order("buy", 5, user=1, order_type="pegged", peg="primary")
    assert _modified(bench(modify(8, user=1, quantity=4))) == (None, 4.0, 4.0)
    assert _modified(bench(modify(8, user=1, price=8.5))) == (8.5, 4.0, 4.0)
    assert _modified(bench(modify(8, user=1, quantity=3))) == (8.5, 3.0, 3.0)
    assert told(bench(modify(8, user=1, quantity=2e6))) == [("rejected", "max_position_size")]


def test_what_reduce_only_cuts_off_a_modified_order_is_told() -> None:
    bench = SpecialBench()
    bench.order("sell", 5, 10.0, user=2)
    bench.order("buy", 5, 10.0)
    bench.order("sell", 3, 11.0, reduce_only=True)
    modified, *others = bench(modify(5, quantity=9))
    assert _modified([modified]) == (11.0, 9.0, 5.0)
    assert told(others) == [("cancelled", 5, 1, 4.0, "reduce_only")]


def test_a_dated_order_is_not_modified_after_its_time() -> None:
    bench = SpecialBench()
    bench.order("buy", 4, 9.0, user=1, tif="GTD", expires=6)
    assert told(bench(modify(3, quantity=3))) == [("cancelled", 3, 1, 4.0, "expired"), ("rejected", "unknown_order")]


def _modified(events: list[AnyEvent]) -> tuple[float | None, float, float]:
    (event,) = events
    assert isinstance(event, Modified)
    return event.price, event.quantity, event.resting


def test_the_events_alone_tell_what_rests() -> None:
    """Whoever follows the events of a random journal knows every resting order's quantity, and the book agrees."""
    matcher, open_orders = Matcher(), dict[int, float]()
    seen = set()
    for seq, command in enumerate(random_commands(3000), 1):
        for event in matcher.apply(seq, command):
            seen.add(type(event))
            match event:
                case Accepted() | Modified():
                    open_orders[event.order_id] = event.resting
                case Fill():
                    open_orders[event.maker_order_id] -= event.quantity
                case Cancelled(reason="user"):
                    assert open_orders.pop(event.order_id) == event.quantity
    book = matcher._markets["AAPL"].book
    resting = {order[0]: order[2] for side in ("buy", "sell") for order in book.orders(side)}  # type: ignore[arg-type]
    assert {order_id: left for order_id, left in open_orders.items() if left} == resting
    assert {Modified, MassCancelled, Fill, Cancelled} <= seen


@pytest.mark.parametrize("seed", range(4))
def test_among_special_orders_too_changes_add_up_and_refusals_leave_the_book(seed: int) -> None:
    matcher, modified = Matcher(), 0
    for seq, command in enumerate(special_commands(2000, seed), 1):
        market = matcher._markets.get(command.symbol)
        if market is not None and market.special:
            market.book.advance_time(command.ts)  # what expires does so before the command in any case
        before = market.book.state_hash() if market else None
        events = matcher.apply(seq, command)
        match command, events:
            case ((ModifyOrder() | MassCancel()), [*_, Rejected()]):
                assert before == (market.book.state_hash() if market else None)
            case ModifyOrder(), [Modified() as change, *others]:
                modified += 1
                cut = [each for each in others if isinstance(each, Cancelled) and each.order_id == change.order_id]
                fills = [each for each in others if isinstance(each, Fill)]
                traded = [each for each in fills if change.order_id in (each.order_id, each.maker_order_id)]
                left = change.resting + sum(each.quantity for each in (*cut, *traded))
                assert change.quantity == pytest.approx(left)
            case MassCancel(), [*others, MassCancelled() as end]:
                asked = [each for each in others if isinstance(each, Cancelled) and each.reason == "user"]
                assert (end.count, {each.user_id for each in asked} <= {command.user_id}) == (len(asked), True)
    assert modified > 20
