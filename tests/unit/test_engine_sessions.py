"""An instrument's day, decided from the journal: phases, auctions, the day's end, and orders that live by them."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from cift.core.matching import Matcher
from cift.core.messages import (
    AnyCommand,
    Cancelled,
    DayEnded,
    EndOfDay,
    Fill,
    PhaseSet,
    Rejected,
    SetPhase,
    Uncross,
    Uncrossed,
)
from tests.unit.test_engine_matching import Bench, cancel, instrument, modify, order

WHERE: dict[str, Any] = {"symbol": "_session.AAPL", "ts": 7, "user_id": 0, "instrument": "AAPL", "by": 9}


def phase(name: Any) -> SetPhase:
    return SetPhase(**WHERE, phase=name)


def uncross(**how: Any) -> Uncross:
    return Uncross(**WHERE, **how)


END_OF_DAY = EndOfDay(**WHERE)


def outcome(bench: Bench, command: AnyCommand) -> str:
    """Return the code of a rejection, else the name of the last event."""
    event = bench(command)[-1]
    return event.code if isinstance(event, Rejected) else type(event).__name__


def gone(events: list[object]) -> list[tuple[int, int, float, str]]:
    """Return who left: order, owner, quantity and reason."""
    return [
        (event.order_id, event.user_id, event.quantity, event.reason)
        for event in events
        if isinstance(event, Cancelled)
    ]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_auction_gathers_orders_and_trades_them_at_one_price(bench: Bench) -> None:
    (said,) = bench(phase("opening_auction"))  # 3
    assert said == PhaseSet(
        symbol="_session.AAPL", ts=7, seq=3, pos=0, user_id=0, order_id=3, last=True,
        instrument="AAPL", phase="opening_auction",
    )  # fmt: skip
    for side, price, quantity in (("buy", 10.2, 30), ("buy", 10.1, 20), ("sell", 9.9, 25), ("sell", 10.1, 15)):
        (accepted,) = bench(order(side, quantity, price, user=1 if side == "buy" else 2))  # 4 to 7
        assert getattr(accepted, "resting", 0) == quantity
    book = bench.matcher.book("AAPL", 7, 10)
    assert (book.bids[0], book.asks[0]) == ((10.2, 30.0), (9.9, 25.0))
    assert (book.phase, book.indicative_price, book.indicative_volume, book.imbalance) == (
        "opening_auction", 10.1, 40.0, 10.0,
    )  # fmt: skip
    *fills, ended = bench(uncross())  # 8
    assert [
        (fill.symbol, fill.pos, fill.last, fill.order_id, fill.maker_order_id, fill.side, fill.price, fill.quantity)
        for fill in fills
        if isinstance(fill, Fill)
    ] == [
        ("AAPL", 0, False, 4, 6, "buy", 10.1, 25.0),
        ("AAPL", 1, False, 4, 7, "buy", 10.1, 5.0),
        ("AAPL", 2, False, 5, 7, "buy", 10.1, 10.0),
    ]
    assert ended == Uncrossed(
        symbol="_session.AAPL", ts=7, seq=8, pos=3, user_id=0, order_id=8, last=True,
        instrument="AAPL", phase="continuous", price=10.1, volume=40.0, imbalance=10.0,
    )  # fmt: skip
    assert (bench.matcher.position(1, "AAPL"), bench.matcher.position(2, "AAPL")) == (40.0, -40.0)
    book = bench.matcher.book("AAPL", 7, 10)
    assert (book.phase, book.indicative_price, book.bids, book.asks) == ("continuous", None, ((10.1, 10.0),), ())
    assert outcome(bench, order("sell", 10, 10.1, user=2)) == "Fill"


def test_a_reference_decides_among_equal_prices_and_a_halt_may_follow(bench: Bench) -> None:
    bench(phase("closing_auction"))
    bench(order("buy", 5, 11.0, user=1))
    bench(order("sell", 5, 9.0, user=2))
    assert outcome(bench, uncross(reference=10.001)) == "off_grid"
    assert outcome(bench, uncross(reference=-1.0)) == "not_positive"
    assert outcome(bench, uncross(reference=float("nan"))) == "not_finite"
    *_, ended = bench(uncross(reference=10.0, then="halted"))
    assert isinstance(ended, Uncrossed)
    assert (ended.price, ended.phase) == (10.0, "halted")
    assert outcome(bench, order("buy", 1)) == "halted"


def test_an_auction_without_anybody_ends_without_a_price(bench: Bench) -> None:
    bench(phase("volatility_auction"))
    (ended,) = bench(uncross())
    assert isinstance(ended, Uncrossed)
    assert (ended.price, ended.volume, ended.imbalance, ended.last) == (None, 0.0, 0.0, True)


def test_when_halted_orders_can_only_leave(bench: Bench) -> None:
    bench(order("buy", 5, 10.0))  # 3
    assert outcome(bench, phase("halted")) == "PhaseSet"
    assert outcome(bench, order("buy", 1)) == "halted"
    assert outcome(bench, order("sell", 1, None)) == "halted"
    assert outcome(bench, modify(3, price=11.0)) == "halted"
    assert outcome(bench, cancel(3)) == "Cancelled"
    assert outcome(bench, phase("continuous")) == "PhaseSet"
    assert outcome(bench, order("buy", 1)) == "Accepted"


@pytest.mark.parametrize("options", [{"tif": "IOC"}, {"tif": "FOK"}, {"post_only": True}, {"min_quantity": 2.0}])
def test_what_an_auction_has_no_use_for_is_refused(bench: Bench, options: Any) -> None:
    bench(phase("opening_auction"))
    assert bench.code(order("buy", 5, 10.0, **options)) == "in_auction"
    assert bench.code(order("buy", 5, None)) == "in_auction"


@pytest.mark.parametrize("command", [phase("continuous"), uncross(), END_OF_DAY], ids=lambda each: type(each).__name__)
def test_a_command_for_no_instrument_or_in_another_place_is_refused(bench: Bench, command: Any) -> None:
    (refused,) = bench(msgspec.structs.replace(command, symbol="_session.NOPE", instrument="NOPE"))
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.symbol, refused.last) == ("unknown_symbol", "_session.NOPE.refused", True)
    assert outcome(bench, msgspec.structs.replace(command, symbol="_session.MSFT")) == "bad_scope"


def test_what_makes_no_sense_now_is_refused_and_changes_nothing(bench: Bench) -> None:
    def refused(command: AnyCommand) -> str:
        sequence, before = bench.sequence, bench.matcher.state_hash()
        code = outcome(bench, command)
        bench.matcher.sequence = bench.sequence = sequence
        assert bench.matcher.state_hash() == before
        return code

    assert refused(uncross()) == "no_auction"
    bench(phase("opening_auction"))
    bench(order("buy", 5, 11.0, user=1, tif="ATO"))
    bench(order("sell", 5, 9.0, user=2, ts=7))  # the book's clock shows what the commands say
    assert refused(phase("continuous")) == "crossed"
    assert refused(phase("closing_auction")) == "auction_open"
    assert refused(order("buy", 1, 9.0, tif="ATC")) == "no_auction"
    bench(phase("halted"))
    assert refused(uncross()) == "no_auction"
    assert refused(phase("continuous")) == "crossed"
    assert outcome(bench, phase("opening_auction")) == "PhaseSet"
    assert outcome(bench, uncross()) == "Uncrossed"


def test_the_same_phase_again_changes_nothing_and_tells_nothing_again(bench: Bench) -> None:
    bench(order("sell", 5, 10.0, user=2, tif="DAY"))
    bench(order("buy", 5, 10.0, user=1))
    assert [type(event) for event in bench(phase("continuous"))] == [PhaseSet]
    bench(phase("halted"))
    assert [type(event) for event in bench(phase("halted"))] == [PhaseSet]
    assert bench.matcher.position(1, "AAPL") == 5.0


def test_orders_for_an_auction_alone_leave_with_it(bench: Bench) -> None:
    assert bench.code(order("buy", 5, 10.0, tif="ATO")) == "no_auction"
    bench(phase("closing_auction"))  # 4
    assert bench.code(order("buy", 5, 10.0, tif="ATO")) == "no_auction"
    bench(order("buy", 5, 10.0, user=1, tif="ATC", client_order_id="close"))  # 6
    bench(order("buy", 5, 9.0, user=3, tif="ATC"))  # 7
    bench(order("sell", 3, 10.0, user=2))  # 8
    events = bench(uncross())
    assert gone(events) == [(6, 1, 2.0, "unfilled"), (7, 3, 5.0, "unfilled")]
    assert [getattr(event, "pos", None) for event in events] == [0, 1, 2, 3]
    assert outcome(bench, order("buy", 5, 9.0, client_order_id="close")) == "Accepted"


@pytest.mark.parametrize("way", [["continuous"], ["halted", "continuous"]])
def test_they_leave_also_where_the_auction_is_called_off(bench: Bench, way: list[str]) -> None:
    bench(phase("opening_auction"))
    bench(order("buy", 5, 10.0, user=4, tif="ATO"))
    bench(order("sell", 5, 11.0, user=2))
    events = [event for name in way for event in bench(phase(name))]
    assert gone(events) == [(4, 4, 5.0, "unfilled")]
    assert bench.matcher.book("AAPL", 0, 5).asks == ((11.0, 5.0),)


def test_an_order_for_an_auction_may_be_changed_in_it(bench: Bench) -> None:
    bench(phase("closing_auction"))
    bench(order("buy", 5, 10.0, user=1, tif="ATC"))  # 4
    assert outcome(bench, modify(4, price=11.0, quantity=7)) == "Modified"
    assert gone(bench(uncross())) == [(4, 1, 7.0, "unfilled")]


def test_day_orders_leave_at_the_days_end_and_others_stay(bench: Bench) -> None:
    bench(order("buy", 5, 10.0, user=1, tif="DAY", client_order_id="today"))  # 3
    bench(order("buy", 6, 9.0, user=2))  # 4
    bench(order("buy", 7, 8.0, user=2, tif="GTD", expires=10**18))  # 5
    bench(order("sell", 4, 8.5, user=3, order_type="stop", trigger_price=8.6, tif="DAY"))  # 6
    events = bench(END_OF_DAY)  # 7
    assert gone(events) == [(3, 1, 5.0, "expired"), (6, 3, 4.0, "expired")]
    assert events[-1] == DayEnded(
        symbol="_session.AAPL", ts=7, seq=7, pos=2, user_id=0, order_id=7, last=True,
        instrument="AAPL", phase="continuous", count=2,
    )  # fmt: skip
    assert bench.matcher.book("AAPL", 0, 5).bids == ((9.0, 6.0), (8.0, 7.0))
    assert outcome(bench, order("buy", 5, 7.0, client_order_id="today")) == "Accepted"
    (again,) = bench(END_OF_DAY)
    assert isinstance(again, DayEnded)
    assert again.count == 0


def test_a_date_that_is_over_is_told_before(bench: Bench) -> None:
    bench(order("buy", 7, 8.0, user=2, tif="GTD", expires=6))  # 3
    bench(order("buy", 7, 8.0, user=2, tif="DAY"))  # 4
    assert gone(bench(END_OF_DAY)) == [(3, 2, 7.0, "expired"), (4, 2, 7.0, "expired")]


@pytest.mark.parametrize(
    "more",
    [
        {"order_type": "market", "price": None},
        {"order_type": "market_to_limit", "price": None},
        {"order_type": "notional", "price": None},
        {"order_type": "stop", "price": None, "trigger_price": 10.0},
    ],
)
def test_an_order_without_a_price_lives_by_no_day(bench: Bench, more: Any) -> None:
    assert bench.code(order("buy", 5, **more, tif="DAY")) == "not_for_type"


def test_an_auctions_price_fires_stops(bench: Bench) -> None:
    bench(order("buy", 5, None, user=3, order_type="stop", trigger_price=10.0))  # 3
    bench(order("sell", 9, 12.0, user=4))  # 4
    bench(phase("opening_auction"))
    bench(order("buy", 5, 10.0, user=1))  # 6
    bench(order("sell", 5, 10.0, user=2))  # 7
    *fills, ended = bench(uncross(then="halted"))
    told = [(fill.order_id, fill.price, fill.quantity) for fill in fills if isinstance(fill, Fill)]
    assert told == [(6, 10.0, 5.0), (3, 12.0, 5.0)]
    assert isinstance(ended, Uncrossed)
    assert (ended.price, ended.volume) == (10.0, 5.0)
    assert bench.matcher.position(3, "AAPL") == 5.0


def test_a_new_grid_keeps_the_phase(bench: Bench) -> None:
    bench(phase("opening_auction"))
    bench(instrument(0.05))
    assert bench.matcher.book("AAPL", 0, 5).phase == "opening_auction"


def test_orders_of_before_meet_in_the_auction_under_their_own_names(bench: Bench) -> None:
    bench(order("buy", 5, 10.0, user=1, client_order_id="a"))  # 3: plain, in a book that knows no special one
    bench(phase("volatility_auction"))
    bench(order("sell", 5, 9.0, user=2, client_order_id="b"))  # 5
    bench(uncross())
    assert outcome(bench, order("buy", 5, 7.0, user=1, client_order_id="a")) == "Accepted"
    assert outcome(bench, order("sell", 5, 17.0, user=2, client_order_id="b")) == "Accepted"


def day(seed: int, length: int) -> list[AnyCommand]:
    """Return a day of orders of all lives, with phases that come and go."""
    chance = random.Random(seed)
    commands: list[AnyCommand] = []
    for _ in range(length):
        kind = chance.random()
        if kind < 0.06:
            phases = ["continuous", "halted", "opening_auction", "closing_auction", "volatility_auction"]
            commands.append(phase(chance.choice(phases)))
        elif kind < 0.1:
            commands.append(uncross(then=chance.choice(["continuous", "continuous", "halted"])))
        elif kind < 0.12:
            commands.append(END_OF_DAY)
        elif kind < 0.2:
            commands.append(cancel(chance.randint(3, length), user=chance.randint(1, 4)))
        else:
            price = round(100 + chance.randint(-5, 5) / 100, 2)
            tif = chance.choice(["GTC", "GTC", "DAY", "ATO", "ATC", "IOC"])
            more: dict[str, Any] = chance.choice([{}, {}, {"display_quantity": 1.0}, {"hidden": True}])
            side, quantity, user = chance.choice(["buy", "sell"]), chance.randint(1, 9), chance.randint(1, 4)
            commands.append(order(side, quantity, price, user, tif=tif, **({} if tif == "IOC" else more)))
    return commands


@pytest.mark.parametrize("seed", range(6))
def test_a_snapshot_at_any_moment_of_a_day_and_the_tail_equal_the_whole(seed: int) -> None:
    commands, bench = day(seed, 400), Bench()
    events = [bench(command) for command in commands]
    assert {"Uncrossed", "PhaseSet", "DayEnded"} <= {type(each).__name__ for told in events for each in told}
    part = Bench()
    phases = set()
    for number, command in enumerate(commands):
        if number % 7 == seed:
            phases.add(part.matcher.book("AAPL", 0, 1).phase)
            part.matcher = Matcher.restore(part.matcher.snapshot())
        assert part(command) == events[number]
    assert part.matcher.state_hash() == bench.matcher.state_hash()
    assert len(phases) > 1
