"""The less common orders of FastOrderBook: icebergs, dates, conditions, mass cancels."""

from __future__ import annotations

from typing import Any

import pytest
from cift_core import FastOrderBook, OrderError


@pytest.fixture
def book() -> FastOrderBook:
    return FastOrderBook("AAPL")


def test_an_iceberg_shows_a_part_and_then_queues_anew(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 25, 1, display_quantity=10)
    book.add_limit_order(2, "sell", 10.0, 5, 2)
    assert book.depth(1) == ([], [(10.0, 15.0)])
    order = book.order(1)
    assert order is not None
    assert (order.quantity, order.visible) == (25.0, 10.0)
    fills = book.add_market_order(3, "buy", 28, 3)
    assert [(fill.maker_order_id, fill.quantity) for fill in fills] == [(1, 10.0), (2, 5.0), (1, 10.0), (1, 3.0)]
    assert book.depth(1) == ([], [(10.0, 2.0)])


def test_an_iceberg_shrinks_where_it_does_not_show_first(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 25, 1, display_quantity=10)
    assert book.reduce_order(1, 12) == 13.0
    assert book.volume_at_price(10.0, "sell") == 10.0
    assert book.reduce_order(1, 5) == 8.0
    assert book.volume_at_price(10.0, "sell") == 8.0
    book.modify_order(1, price=11.0, quantity=40)
    assert book.depth(1) == ([], [(11.0, 10.0)])


def test_fill_or_kill_sees_what_icebergs_hide(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 25, 1, display_quantity=10)
    assert book.add_limit_order(2, "buy", 10.0, 26, 2, tif="FOK")[1] == []
    assert sum(fill.quantity for fill in book.add_limit_order(3, "buy", 10.0, 25, 2, tif="FOK")[1]) == 25.0


def test_day_and_dated_orders_leave_when_their_time_is_up(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1, tif="DAY")
    book.add_limit_order(2, "buy", 10.0, 6, 1, tif="GTD", expires=200)
    book.add_limit_order(3, "buy", 10.0, 7, 1, tif="GTD", expires=100)
    book.add_limit_order(4, "buy", 10.0, 8, 1)
    assert book.advance_time(99) == []
    assert book.advance_time(200) == [(3, 7.0, "expired"), (2, 6.0, "expired")]
    assert book.end_of_day() == [(1, 5.0, "expired")]
    assert book.volume_at_price(10.0, "buy") == 8.0
    with pytest.raises(OrderError, match="expires 200 is not after the book's time 200"):
        book.add_limit_order(5, "buy", 10.0, 5, 1, tif="GTD", expires=200)
    with pytest.raises(OrderError, match="expires 0 is not after"):
        book.add_limit_order(5, "buy", 10.0, 5, 1, tif="GTD")


def test_unless_the_least_trades_at_once_the_order_is_cancelled(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    assert book.add_limit_order(2, "buy", 10.0, 20, 2, min_quantity=6) == (2, [])
    assert book.cancelled() == [(2, 20.0, "unfilled")]
    assert len(book.add_limit_order(3, "buy", 10.0, 20, 2, min_quantity=5)[1]) == 1
    assert book.volume_at_price(10.0, "buy") == 15.0
    with pytest.raises(OrderError, match="min_quantity 30 lots is more"):
        book.add_limit_order(4, "buy", 9.0, 20, 2, min_quantity=30)


def test_reprice_rests_one_tick_before_the_market(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    book.add_limit_order(2, "buy", 10.5, 5, 2, reprice=True)
    assert book.depth(1) == ([(9.99, 5.0)], [(10.0, 5.0)])


def test_market_to_limit_rests_at_the_price_it_took(book: FastOrderBook) -> None:
    assert book.add_market_to_limit_order(1, "buy", 5, 1) == (1, [])
    book.add_limit_order(2, "sell", 10.0, 5, 1)
    book.add_limit_order(3, "sell", 11.0, 5, 1)
    _, fills = book.add_market_to_limit_order(4, "buy", 8, 2)
    assert [fill[:3] for fill in fills] == [(10.0, 5.0, 2)]
    assert book.depth(1) == ([(10.0, 3.0)], [(11.0, 5.0)])


def test_an_amount_of_money_buys_whole_lots_and_never_more(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    book.add_limit_order(2, "sell", 11.0, 50, 1)
    fills = book.add_market_notional_order(3, "buy", 93.99, 2)
    assert [fill[:3] for fill in fills] == [(10.0, 5.0, 1), (11.0, 3.0, 2)]
    assert len(book.add_market_notional_order(4, "buy", 10.99, 2)) == 0
    with pytest.raises(OrderError, match="notional NaN is not a finite number"):
        book.add_market_notional_order(5, "buy", float("nan"), 2)


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ({}, [2, 1, 3, 4]),
        ({"user_id": 7}, [1, 3]),
        ({"side": "buy"}, [2, 1]),
        ({"low": 9.5, "high": 11.0}, [2, 3]),
        ({"user_id": 7, "side": "sell", "low": 12.0}, []),
    ],
)
def test_a_mass_cancel_takes_all_that_fit(book: FastOrderBook, conditions: Any, ids: list[int]) -> None:
    for order_id, side, price, user in (
        (1, "buy", 9.0, 7),
        (2, "buy", 9.5, 8),
        (3, "sell", 11.0, 7),
        (4, "sell", 12.0, 8),
    ):
        book.add_limit_order(order_id, side, price, 5, user)  # type: ignore[arg-type]
    assert [cancel[0] for cancel in book.cancel_orders(**conditions)] == ids
    assert len(book) == 4 - len(ids)


def test_cancelled_says_what_the_last_command_cancelled() -> None:
    book = FastOrderBook("AAPL", stp="cancel_both")
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    book.add_limit_order(2, "buy", 10.0, 8, 1)
    assert book.cancelled() == [(1, 5.0, "self_trade"), (2, 8.0, "self_trade")]
    book.add_limit_order(3, "buy", 10.0, 8, 1, tif="IOC")
    assert book.cancelled() == [(3, 8.0, "unfilled")]


def test_queue_position(book: FastOrderBook) -> None:
    for order_id in (1, 2, 3):
        book.add_limit_order(order_id, "buy", 10.0, 5, 1)
    assert [book.queue_position(order_id) for order_id in (1, 3, 9)] == [(0, 0.0), (2, 10.0), None]
    book.reduce_order(1, 2)
    assert book.queue_position(3) == (2, 8.0)


@pytest.mark.parametrize("field", ["post_only", "display_quantity"])
def test_what_needs_rest_is_refused_for_immediate_orders(book: FastOrderBook, field: str) -> None:
    options: Any = {field: 1.0 if field == "display_quantity" else True}
    with pytest.raises(OrderError, match=f"{field} needs a tif that lets the order rest") as refused:
        book.add_limit_order(1, "buy", 10.0, 5, 1, tif="IOC", **options)
    assert (refused.value.code, refused.value.field) == ("never_rests", field)
