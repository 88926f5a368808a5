"""Stops, phases and auctions of FastOrderBook."""

from __future__ import annotations

from typing import Any

import pytest
from cift_core import FastOrderBook, OrderError


@pytest.fixture
def book() -> FastOrderBook:
    return FastOrderBook("AAPL")


def trade(book: FastOrderBook, price: float, quantity: float = 1) -> list[Any]:
    """Let a trade happen at a price in an otherwise empty part of the book."""
    book.add_limit_order(9001, "sell", price, quantity, 90)
    return book.add_limit_order(9002, "buy", price, quantity, 91, tif="IOC")[1]


def test_a_stop_waits_for_a_trade_at_its_trigger(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.5, 5, 1)
    assert book.add_stop_order(2, "buy", 5, 2, trigger_price=10.2) == (2, [])
    assert book.stops() == [(2, "buy", 10.2, 5.0, 2)]
    trade(book, 10.1)
    assert book.triggered() == []
    fills = trade(book, 10.2)
    assert book.triggered() == [2]
    assert [(fill.taker_order_id, fill.price) for fill in fills] == [(9002, 10.2), (2, 10.5)]
    assert book.stops() == []
    assert book.last_price() == 10.5


def test_a_stop_that_the_market_has_reached_does_not_wait(book: FastOrderBook) -> None:
    trade(book, 10.0)
    book.add_limit_order(1, "buy", 9.0, 5, 1)
    _, fills = book.add_stop_order(2, "sell", 5, 2, trigger_price=10.0)
    assert [fill[:3] for fill in fills] == [(9.0, 5.0, 1)]


def test_a_stop_limit_rests_at_its_limit(book: FastOrderBook) -> None:
    book.add_stop_order(1, "sell", 5, 1, trigger_price=10.0, limit_price=9.9, display_quantity=2)
    trade(book, 10.0)
    assert book.depth(1)[1] == [(9.9, 2.0)]


def test_a_trailing_stop_follows_the_best_trade(book: FastOrderBook) -> None:
    with pytest.raises(OrderError, match="can't trail: nothing has traded yet"):
        book.add_stop_order(1, "sell", 5, 1, trail=0.5)
    trade(book, 10.0)
    book.add_stop_order(1, "sell", 5, 1, trail=0.5)
    trade(book, 11.0)
    trade(book, 10.6)
    assert book.stops() == [(1, "sell", 10.5, 5.0, 1)]
    trade(book, 10.5)
    assert (book.triggered(), book.stops()) == ([1], [])


def test_stops_fire_each_other_in_the_order_of_entry(book: FastOrderBook) -> None:
    for order_id, price in ((1, 10.2), (2, 10.4)):
        book.add_limit_order(order_id, "sell", price, 5, 1)
    book.add_stop_order(3, "buy", 5, 2, trigger_price=10.4)
    book.add_stop_order(4, "buy", 5, 2, trigger_price=10.1)
    book.add_stop_order(5, "buy", 4, 2, trigger_price=10.0)
    fills = trade(book, 10.1)
    assert book.triggered() == [4, 5, 3]
    assert [(fill.taker_order_id, fill.price) for fill in fills[1:]] == [(4, 10.2), (5, 10.4), (3, 10.4)]
    assert book.cancelled() == [(3, 4.0, "unfilled")]


def test_stops_can_be_cancelled_but_not_changed(book: FastOrderBook) -> None:
    book.add_stop_order(1, "buy", 5, 1, trigger_price=10.0)
    with pytest.raises(OrderError, match="order_id 1 is a stop that has not fired"):
        book.reduce_order(1, 2)
    with pytest.raises(OrderError, match="order_id 1 is already in the book"):
        book.add_limit_order(1, "buy", 10.0, 5, 1)
    assert book.cancel_order(1)
    assert book.cancelled() == [(1, 5.0, "user")]


@pytest.mark.parametrize("options", [{}, {"trigger_price": 10.0, "trail": 0.5}])
def test_a_stop_has_one_way_to_fire(book: FastOrderBook, options: Any) -> None:
    with pytest.raises(OrderError, match="trigger_price or trail is needed, and not both"):
        book.add_stop_order(1, "buy", 5, 1, **options)


def test_when_halted_orders_can_only_leave(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    book.set_phase("halted")
    for refused in (
        lambda: book.add_limit_order(2, "buy", 10.0, 5, 1),
        lambda: book.add_market_order(2, "sell", 5, 1),
        lambda: book.add_stop_order(2, "sell", 5, 1, trigger_price=9.0),
        lambda: book.modify_order(1, quantity=10),
    ):
        with pytest.raises(OrderError, match="the book is halted"):
            refused()
    assert book.reduce_order(1, 1) == 4.0
    assert book.cancel_order(1)


def test_an_auction_gathers_and_then_trades_at_one_price(book: FastOrderBook) -> None:
    book.set_phase("opening_auction")
    for order_id, side, price, quantity in (
        (1, "buy", 10.2, 30),
        (2, "buy", 10.1, 20),
        (3, "buy", 10.0, 50),
        (4, "sell", 9.9, 25),
        (5, "sell", 10.1, 15),
        (6, "sell", 10.2, 40),
    ):
        assert book.add_limit_order(order_id, side, price, quantity, order_id)[1] == []  # type: ignore[arg-type]
    assert book.indication() == (10.1, 40.0, 10.0)
    with pytest.raises(OrderError, match="uncross it"):
        book.set_phase("continuous")
    result, fills = book.uncross()
    assert result == (10.1, 40.0, 10.0)
    assert [(fill.price, fill.quantity, fill.taker_order_id, fill.maker_order_id) for fill in fills] == [
        (10.1, 25.0, 1, 4),
        (10.1, 5.0, 1, 5),
        (10.1, 10.0, 2, 5),
    ]
    assert book.phase == "continuous"
    assert book.depth(1) == ([(10.1, 10.0)], [(10.2, 40.0)])


def test_among_equal_prices_the_reference_decides(book: FastOrderBook) -> None:
    book.set_phase("volatility_auction")
    book.add_limit_order(1, "buy", 11.0, 5, 1)
    book.add_limit_order(2, "sell", 9.0, 5, 2)
    assert [book.indication(reference) for reference in (10.0, 8.0, 12.0, None)] == [
        (price, 5.0, 0.0) for price in (10.0, 9.0, 11.0, 11.0)
    ]


def test_orders_for_an_auction_alone_leave_with_it(book: FastOrderBook) -> None:
    with pytest.raises(OrderError, match="tif asks for an auction that is not on"):
        book.add_limit_order(1, "buy", 10.0, 5, 1, tif="ATO")
    book.set_phase("closing_auction")
    book.add_limit_order(1, "buy", 10.0, 5, 1, tif="ATC")
    book.add_limit_order(2, "sell", 10.0, 3, 2)
    book.uncross()
    assert book.cancelled() == [(1, 2.0, "unfilled")]
    assert len(book) == 0


@pytest.mark.parametrize("options", [{"tif": "IOC"}, {"tif": "FOK"}, {"post_only": True}, {"min_quantity": 2}])
def test_what_an_auction_has_no_use_for_is_refused(book: FastOrderBook, options: Any) -> None:
    book.set_phase("opening_auction")
    with pytest.raises(OrderError, match="is not possible during an auction"):
        book.add_limit_order(1, "buy", 10.0, 5, 1, **options)
    with pytest.raises(OrderError, match="is not possible during an auction"):
        book.add_market_order(1, "buy", 5, 1)


def test_an_auctions_price_fires_stops(book: FastOrderBook) -> None:
    book.add_stop_order(3, "buy", 5, 3, trigger_price=10.0, limit_price=10.5)
    book.set_phase("opening_auction")
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    book.add_limit_order(2, "sell", 10.0, 5, 2)
    book.uncross()
    assert book.triggered() == [3]
    assert book.best_bid() == 10.5


def test_a_snapshot_keeps_stops_phase_and_last_price(book: FastOrderBook) -> None:
    trade(book, 10.0)
    book.add_stop_order(1, "sell", 5, 1, trail=0.5, limit_price=9.0, tif="DAY")
    book.set_phase("opening_auction")
    book.add_limit_order(2, "buy", 10.0, 5, 1)
    book.add_limit_order(3, "sell", 9.0, 5, 1, tif="ATO", display_quantity=2)
    again = FastOrderBook("AAPL")
    again.restore(book.snapshot())
    assert (again.stops(), again.phase, again.last_price()) == (book.stops(), "opening_auction", 10.0)
    assert again.state_hash() == book.state_hash()
    assert again.uncross() == book.uncross()
    assert again.end_of_day() == book.end_of_day() == [(1, 5.0, "expired")]
