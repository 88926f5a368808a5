"""Pegged orders of FastOrderBook."""

from __future__ import annotations

import math
from typing import Any

import pytest
from cift_core import FastOrderBook, OrderError


@pytest.fixture
def book() -> FastOrderBook:
    """9.00 to 11.00, five each."""
    book = FastOrderBook("AAPL")
    book.add_limit_order(1, "buy", 9.0, 5, 1)
    book.add_limit_order(2, "sell", 11.0, 5, 2)
    return book


def price(book: FastOrderBook, order_id: int) -> float | None:
    order = book.order(order_id)
    assert order is not None
    return None if math.isnan(order.price) else order.price


@pytest.mark.parametrize(
    ("side", "peg", "offset", "limit", "expected"),
    [
        ("buy", "primary", 0.0, None, 9.0),
        ("sell", "primary", 0.0, None, 11.0),
        ("buy", "primary", 0.25, None, 9.25),
        ("buy", "market", -0.01, None, 10.99),
        ("sell", "market", 0.01, None, 9.01),
        ("sell", "mid", 0.0, None, 10.0),
        ("buy", "mid", 0.5, 10.25, 10.25),
        ("sell", "primary", -1.0, 10.5, 10.5),
        ("buy", "primary", -9.0, None, None),
    ],
)
def test_a_peg_follows_what_shows(
    book: FastOrderBook, side: Any, peg: Any, offset: float, limit: float | None, expected: float | None
) -> None:
    assert book.add_pegged_order(3, side, 5, 3, peg=peg, offset=offset, limit_price=limit) == (3, [])
    order = book.order(3)
    assert order is not None
    assert (price(book, 3), order.peg, order.limit_price, order.visible) == (expected, peg, limit, 0.0)
    assert book.depth(5) == ([(9.0, 5.0)], [(11.0, 5.0)])
    assert book.unseen_orders(side) == [(3, expected, 5.0, 3, "pegged")]


def test_a_mid_on_half_a_tick_is_rounded_away_from_the_market(book: FastOrderBook) -> None:
    book.add_limit_order(3, "buy", 9.01, 5, 1)
    book.add_pegged_order(4, "buy", 5, 3, peg="mid")
    book.add_pegged_order(5, "sell", 5, 4, peg="mid")
    assert (price(book, 4), price(book, 5)) == (10.0, 10.01)


def test_pegs_move_in_the_order_of_entry_and_lose_their_place(book: FastOrderBook) -> None:
    book.add_pegged_order(3, "buy", 5, 3, peg="primary", offset=0.5)
    book.add_limit_order(4, "buy", 9.6, 5, 4, hidden=True)
    book.add_pegged_order(5, "buy", 5, 5, peg="primary", offset=0.5)
    assert book.queue_position(5) == (1, 5.0)
    book.add_limit_order(6, "buy", 9.1, 5, 6)
    assert [row[:2] for row in book.unseen_orders("buy")] == [(4, 9.6), (3, 9.6), (5, 9.6)]
    book.cancel_order(6)
    assert [row[:2] for row in book.unseen_orders("buy")] == [(4, 9.6), (3, 9.5), (5, 9.5)]


def test_a_peg_that_becomes_marketable_takes(book: FastOrderBook) -> None:
    book.add_pegged_order(3, "buy", 8, 3, peg="primary", offset=1.5)
    assert price(book, 3) == 10.5
    _, fills = book.add_limit_order(4, "buy", 9.5, 5, 4)
    assert [(fill.price, fill.quantity, fill.taker_order_id) for fill in fills] == [(11.0, 5.0, 3)]
    assert (price(book, 3), book.best_ask()) == (11.0, None)


def test_a_cancel_that_moves_the_market_tells_its_fills(book: FastOrderBook) -> None:
    book.add_limit_order(3, "sell", 10.5, 5, 2, hidden=True)
    book.add_limit_order(4, "sell", 10.2, 5, 2)
    book.add_pegged_order(5, "buy", 2, 3, peg="mid", offset=0.5)
    assert price(book, 5) == 10.1
    assert book.cancel_order(4)
    assert [(fill.price, fill.taker_order_id) for fill in book.fills()] == [(10.5, 5)]


def test_the_first_peg_follows_what_it_took_away_itself() -> None:
    book = FastOrderBook("AAPL")
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    book.add_limit_order(2, "buy", 9.0, 5, 1)
    _, fills = book.add_pegged_order(3, "sell", 8, 2, peg="market")
    assert [(fill.price, fill.quantity) for fill in fills] == [(10.0, 5.0), (9.0, 3.0)]


def test_a_peg_with_nothing_to_follow_sleeps_and_wakes(book: FastOrderBook) -> None:
    book.add_pegged_order(3, "buy", 5, 3, peg="primary")
    book.cancel_order(1)
    assert (price(book, 3), book.queue_position(3)) == (None, None)
    assert book.unseen_orders("buy") == [(3, None, 5.0, 3, "pegged")]
    assert book.cancel_orders(low=0.01, high=100.0) == [(2, 5.0, "user")]
    book.modify_order(3, quantity=4)
    book.add_limit_order(4, "buy", 8.0, 5, 1)
    assert book.unseen_orders("buy") == [(3, 8.0, 4.0, 3, "pegged")]
    assert book.cancel_orders(user_id=3) == [(3, 4.0, "user")]


def test_pegs_sleep_while_the_book_does_not_trade(book: FastOrderBook) -> None:
    book.add_pegged_order(3, "buy", 5, 3, peg="market")
    book.add_limit_order(4, "sell", 11.0, 5, 2)
    book.add_pegged_order(5, "buy", 5, 3, peg="market", offset=-0.5)
    book.set_phase("volatility_auction")
    assert price(book, 5) is None
    book.add_limit_order(6, "sell", 10.0, 5, 2)
    book.set_phase("continuous")
    assert price(book, 5) == 9.5


def test_a_pegs_price_is_its_limit_to_modify(book: FastOrderBook) -> None:
    book.add_pegged_order(3, "buy", 5, 3, peg="market", offset=-0.5)
    book.modify_order(3, price=10.0)
    assert price(book, 3) == 10.0
    assert [fill.price for fill in book.modify_order(3, price=12.0, quantity=1)] == []
    assert price(book, 3) == 10.5


def test_a_snapshot_knows_pegs_and_the_order_they_came_in(book: FastOrderBook) -> None:
    for order_id in (5, 4, 3):
        book.add_pegged_order(order_id, "buy", 5, 3, peg="primary", offset=0.1)
    book.add_pegged_order(6, "buy", 5, 3, peg="primary", offset=-100.0)
    book.modify_order(4, quantity=6)
    again = FastOrderBook("AAPL")
    again.restore(book.snapshot())
    assert again.state_hash() == book.state_hash()
    for each in (book, again):
        each.add_limit_order(7, "buy", 9.5, 1, 1)
        assert [row[0] for row in each.unseen_orders("buy")] == [5, 3, 4, 6]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"offset": 0.005}, "offset", "offset 0.005 is not a multiple of tick_size 0.01"),
        ({"offset": float("nan")}, "offset", "offset NaN is not a finite number"),
        ({"limit_price": -1.0}, "limit_price", "limit_price -1 must be greater than zero"),
        ({"tif": "IOC"}, "peg", "peg needs a tif that lets the order rest"),
        ({"tif": "ATC"}, "peg", "peg can't go together with tif"),
        ({"tif": "AON"}, "peg", "peg can't go together with all_or_none"),
        ({"tif": "GTD"}, "expires", "expires 0 is not after"),
        ({"reduce_only": True}, "reduce_only", "no position to reduce"),
    ],
)
def test_what_no_peg_can_be_is_refused(book: FastOrderBook, change: Any, field: str, message: str) -> None:
    before = book.state_hash()
    with pytest.raises(OrderError, match=message) as refused:
        book.add_pegged_order(3, "buy", 5, 3, **({"peg": "mid"} | change))
    assert refused.value.field == field
    assert book.state_hash() == before


def test_an_unknown_peg_is_named(book: FastOrderBook) -> None:
    with pytest.raises(ValueError, match='peg "last" is not one of primary, mid, market'):
        book.add_pegged_order(3, "buy", 5, 3, peg="last")  # type: ignore[arg-type]
