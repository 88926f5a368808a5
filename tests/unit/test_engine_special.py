"""The engine's decisions on orders of all types: what one command does to others' orders is told, too."""

from __future__ import annotations

from typing import Any

import pytest

from cift.core.matching import Matcher
from cift.core.messages import (
    Accepted,
    AnyEvent,
    Cancelled,
    CancelOrder,
    Fill,
    NewOrder,
    Rejected,
    SetInstrument,
    SetLimits,
)


class Bench:
    """A matcher with one symbol; the order of a command has the command's number."""

    def __init__(self) -> None:
        self.matcher, self.sequence = Matcher(), 0
        self(SetInstrument(symbol="AAPL", ts=0, user_id=0, tick_size=0.01, lot_size=1.0))
        limits = {"max_position": 1e6, "max_notional": 1e9, "max_leverage": 10.0, "account_value": 1e9}
        self(SetLimits(symbol="_limits", ts=0, user_id=0, **limits))

    def __call__(self, command: Any) -> list[AnyEvent]:
        self.sequence += 1
        events = self.matcher.apply(self.sequence, command)
        assert [event.pos for event in events] == list(range(len(events)))
        assert [event.last for event in events] == [False] * (len(events) - 1) + [True] * bool(events)
        return events

    def order(self, side: str, quantity: float, price: float | None = None, user: int = 1, **more: Any) -> Any:
        fields = {"order_type": "limit", "ts": 1} | more
        return self(NewOrder(symbol="AAPL", user_id=user, side=side, quantity=quantity, price=price, **fields))  # type: ignore[arg-type]

    def depth(self) -> Any:
        book = self.matcher.book("AAPL", 0, 5)
        return book.bids, book.asks


@pytest.fixture
def bench() -> Bench:
    return Bench()


def told(events: list[AnyEvent]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for event in events:
        match event:
            case Accepted():
                rows.append(("accepted", event.order_id, event.resting))
            case Fill():
                rows.append(("fill", event.order_id, event.user_id, event.side, event.maker_order_id, event.quantity))
            case Cancelled():
                rows.append(("cancelled", event.order_id, event.user_id, event.quantity, event.reason))
            case Rejected():
                rows.append(("rejected", event.code))
            case _:
                rows.append((type(event).__name__,))
    return rows


def test_hidden_orders_trade_without_showing(bench: Bench) -> None:
    bench.order("sell", 5, 10.0, user=2, hidden=True)
    assert bench.depth() == ((), ())
    assert told(bench.order("buy", 8, 10.0)) == [("accepted", 4, 3.0), ("fill", 4, 1, "buy", 3, 5.0)]
    assert (bench.matcher.position(1, "AAPL"), bench.matcher.position(2, "AAPL")) == (5.0, -5.0)


def test_an_order_that_waited_is_the_taker_of_its_own_fill(bench: Bench) -> None:
    assert told(bench.order("buy", 8, 10.0, user=7, all_or_none=True)) == [("accepted", 3, 8.0)]
    bench.order("sell", 5, 10.0, user=2)
    assert told(bench.order("sell", 5, 10.0, user=2)) == [
        ("accepted", 5, 2.0),
        ("fill", 3, 7, "buy", 4, 5.0),
        ("fill", 3, 7, "buy", 5, 3.0),
    ]
    assert bench.matcher.position(7, "AAPL") == 8.0


def test_pegs_trade_when_a_cancel_moves_the_market(bench: Bench) -> None:
    bench.order("sell", 5, 10.0, user=2)
    bench.order("sell", 5, 10.5, user=2, hidden=True)
    bench.order("buy", 5, 9.0, user=3)
    bench.order("sell", 1, 11.6, user=2)
    peg = bench.order("buy", 4, user=4, order_type="pegged", peg="mid", offset=0.3, client_order_id="p")
    assert told(peg) == [("accepted", 7, 4.0)]
    assert told(bench(CancelOrder(symbol="AAPL", ts=2, user_id=2, order_id=3))) == [
        ("cancelled", 3, 2, 5.0, "user"),
        ("fill", 7, 4, "buy", 4, 4.0),
    ]
    assert bench.matcher.position(4, "AAPL") == 4.0
    assert isinstance(bench.order("buy", 1, 1.0, user=4, client_order_id="p")[0], Accepted), "the name is free again"


def test_reduce_only_follows_the_engines_own_positions(bench: Bench) -> None:
    assert told(bench.order("sell", 5, 10.0, reduce_only=True)) == [("rejected", "nothing_to_reduce")]
    bench.order("sell", 5, 10.0, user=2)
    bench.order("buy", 5, 10.0)
    assert told(bench.order("sell", 9, 11.0, reduce_only=True)) == [
        ("accepted", 6, 5.0),
        ("cancelled", 6, 1, 4.0, "reduce_only"),
    ]
    bench.order("buy", 3, 9.0, user=2)
    assert told(bench.order("sell", 3, order_type="market")) == [
        ("accepted", 8, 0.0),
        ("fill", 8, 1, "sell", 7, 3.0),
        ("cancelled", 6, 1, 3.0, "reduce_only"),
    ]


def test_stops_and_dated_orders_tell_what_becomes_of_them(bench: Bench) -> None:
    assert told(bench.order("sell", 5, user=7, order_type="stop", trigger_price=9.0)) == [("accepted", 3, 0.0)]
    assert told(bench(CancelOrder(symbol="AAPL", ts=1, user_id=8, order_id=3))) == [("rejected", "unknown_order")]
    bench.order("buy", 4, 9.0, user=2, tif="GTD", expires=100)
    assert told(bench.order("sell", 1, 9.0, user=3)) == [
        ("accepted", 6, 0.0),
        ("fill", 6, 3, "sell", 5, 1.0),
        ("fill", 3, 7, "sell", 5, 3.0),
        ("cancelled", 3, 7, 2.0, "unfilled"),
    ]
    bench.order("buy", 4, 8.0, user=2, tif="GTD", expires=100)
    assert told(bench.order("buy", 1, -1.0, user=9, ts=100)) == [
        ("cancelled", 7, 2, 4.0, "expired"),
        ("rejected", "not_positive"),
    ]
    bench.order("sell", 5, user=7, order_type="stop", trigger_price=1.0)
    assert told(bench(CancelOrder(symbol="AAPL", ts=100, user_id=7, order_id=9))) == [("cancelled", 9, 7, 5.0, "user")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"tif": "ATO"}, "no_auction"),
        ({"order_type": "market", "tif": "DAY"}, "not_for_type"),
        ({"order_type": "pegged"}, "peg_missing"),
        ({"order_type": "market", "hidden": True}, "not_for_type"),
        ({"trail": 1.0}, "not_for_type"),
        ({"peg": "mid"}, "not_for_type"),
        ({"hidden": True, "display_quantity": 1.0}, "contradiction"),
        ({"order_type": "stop"}, "trigger_or_trail"),
        ({"order_type": "pegged", "peg": "mid", "offset": 0.005}, "off_grid"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(bench: Bench, change: dict[str, Any], code: str) -> None:
    bench.order("buy", 5, 9.0)
    before = bench.matcher._markets["AAPL"].book.state_hash()
    assert told(bench.order("sell", 5, 10.0, **change)) == [("rejected", code)]
    assert bench.matcher._markets["AAPL"].book.state_hash() == before


def test_money_and_market_to_limit(bench: Bench) -> None:
    bench.order("sell", 5, 10.0, user=2)
    assert told(bench.order("buy", 35.0, order_type="notional")) == [
        ("accepted", 4, 0.0),
        ("fill", 4, 1, "buy", 3, 3.0),
    ]
    assert told(bench.order("buy", 5, order_type="market_to_limit")) == [
        ("accepted", 5, 3.0),
        ("fill", 5, 1, "buy", 3, 2.0),
    ]
    assert bench.depth() == (((10.0, 3.0),), ())


def test_what_trades_because_anothers_time_is_over_is_told(bench: Bench) -> None:
    bench.order("buy", 1, 99.6, user=5)
    bench.order("sell", 1, 100.1, user=2)
    bench.order("buy", 1, 100.0, user=1, tif="GTD", expires=5)
    hidden = bench.order("buy", 2, 99.9, user=4, hidden=True)[0].order_id
    peg = bench.order("sell", 2, user=3, order_type="pegged", peg="mid")[0].order_id
    events = bench.order("buy", 1, 90.0, user=6, ts=9)
    assert {("fill", 3, "sell", 2.0), ("cancelled", 1)} <= {
        ("fill", event.user_id, event.side, event.quantity) if isinstance(event, Fill) else ("cancelled", event.user_id)
        for event in events
        if isinstance(event, Fill | Cancelled)
    }
    fill = next(event for event in events if isinstance(event, Fill))
    assert (fill.order_id, fill.maker_order_id) == (peg, hidden)
    assert (bench.matcher.position(3, "AAPL"), bench.matcher.position(4, "AAPL")) == (-2.0, 2.0)
