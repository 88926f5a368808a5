"""FastOrderBook, rule by rule."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from cift_core import FastOrderBook, Fill, OrderError


@pytest.fixture
def book() -> FastOrderBook:
    return FastOrderBook("AAPL")


def brief(fills: list[Fill]) -> list[tuple[float, float, int]]:
    return [fill[:3] for fill in fills]


def test_an_order_rests_where_nothing_crosses(book: FastOrderBook) -> None:
    assert book.add_limit_order(1, "buy", 150.0, 100.0, 7) == (1, [])
    assert (book.best_bid(), book.best_ask(), book.spread()) == (150.0, None, None)
    assert book.depth(5) == ([(150.0, 100.0)], [])
    assert len(book) == 1


def test_a_fill_is_at_the_makers_price_and_names_everybody(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 150.01, 100, 7)
    order_id, (fill,) = book.add_limit_order(2, "buy", 150.05, 60, 8)
    assert order_id == 2
    assert fill[:3] == (150.01, 60.0, 1)
    assert tuple(fill) == (150.01, 60.0, 1, 7, 2, 8)
    assert (fill.price, fill.quantity, fill.maker_order_id, fill.maker_user_id) == (150.01, 60.0, 1, 7)
    assert (fill.taker_order_id, fill.taker_user_id) == (2, 8)
    price, quantity, maker, *_ = fill
    assert (price, quantity, maker, fill[-1], len(fill)) == (150.01, 60.0, 1, 8, 6)
    with pytest.raises(IndexError):
        fill[6]
    assert book.depth(5) == ([], [(150.01, 40.0)])


def test_best_price_first_then_oldest_first(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.02, 5, 1)
    book.add_limit_order(2, "sell", 10.01, 5, 1)
    book.add_limit_order(3, "sell", 10.01, 5, 1)
    _, fills = book.add_limit_order(4, "buy", 10.02, 12, 2)
    assert brief(fills) == [(10.01, 5.0, 2), (10.01, 5.0, 3), (10.02, 2.0, 1)]


def test_what_a_limit_order_can_not_take_rests_at_its_price(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    book.add_limit_order(2, "sell", 10.5, 5, 1)
    _, fills = book.add_limit_order(3, "buy", 10.0, 8, 2)
    assert brief(fills) == [(10.0, 5.0, 1)]
    assert book.depth(2) == ([(10.0, 3.0)], [(10.5, 5.0)])


def test_a_market_order_takes_any_price_and_never_rests(book: FastOrderBook) -> None:
    assert book.add_market_order(1, "buy", 5, 1) == []
    book.add_limit_order(2, "sell", 10.0, 5, 1)
    book.add_limit_order(3, "sell", 99.0, 5, 1)
    assert brief(book.add_market_order(4, "buy", 20, 2)) == [(10.0, 5.0, 2), (99.0, 5.0, 3)]
    assert len(book) == 0


def test_ioc_takes_what_it_can_and_never_rests(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    assert brief(book.add_limit_order(2, "sell", 10.0, 8, 2, tif="IOC")[1]) == [(10.0, 5.0, 1)]
    assert len(book) == 0


def test_fok_trades_whole_or_not_at_all(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    book.add_limit_order(2, "sell", 10.1, 5, 1)
    before = book.state_hash()
    assert book.add_limit_order(3, "buy", 10.0, 6, 2, tif="FOK")[1] == []
    assert book.state_hash() == before
    assert brief(book.add_limit_order(4, "buy", 10.1, 10, 2, tif="FOK")[1]) == [(10.0, 5.0, 1), (10.1, 5.0, 2)]


def test_post_only_rests_or_is_refused(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    with pytest.raises(OrderError, match="post_only order_id 2 would take") as refused:
        book.add_limit_order(2, "buy", 10.0, 5, 2, post_only=True)
    assert refused.value.code == "post_only_would_take"
    book.add_limit_order(3, "buy", 9.99, 5, 2, post_only=True)
    with pytest.raises(OrderError, match="would take"):
        book.modify_order(3, price=10.0)
    with pytest.raises(OrderError, match="post_only needs a tif that lets the order rest"):
        book.add_limit_order(4, "buy", 1.0, 5, 2, tif="IOC", post_only=True)
    assert book.best_bid() == 9.99


def test_cancel_says_whether_the_order_was_there(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    book.add_limit_order(2, "buy", 9.0, 5, 1)
    assert book.cancel_order(1) is True
    assert book.cancel_order(1) is False
    assert book.best_bid() == 9.0
    book.add_limit_order(1, "buy", 9.5, 5, 1)
    assert book.best_bid() == 9.5


def test_reduce_keeps_the_place_in_the_queue(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    book.add_limit_order(2, "buy", 10.0, 5, 1)
    assert book.reduce_order(1, 3) == 2.0
    assert book.volume_at_price(10.0, "buy") == 7.0
    assert brief(book.add_market_order(3, "sell", 3, 2)) == [(10.0, 2.0, 1), (10.0, 1.0, 2)]
    assert book.reduce_order(2, 100) == 0.0
    with pytest.raises(OrderError, match="order_id 2 is not in the book"):
        book.reduce_order(2, 1)


def test_modify_keeps_the_place_only_when_the_quantity_falls(book: FastOrderBook) -> None:
    for order_id in (1, 2, 3):
        book.add_limit_order(order_id, "buy", 10.0, 5, 1)
    assert book.modify_order(1, quantity=4) == []
    assert [order[0] for order in book.orders("buy")] == [1, 2, 3]
    book.modify_order(1, quantity=6)
    assert [order[0] for order in book.orders("buy")] == [2, 3, 1]
    book.modify_order(2, price=10.01)
    assert [order[:3] for order in book.orders("buy")] == [(2, 10.01, 5.0), (3, 10.0, 5.0), (1, 10.0, 6.0)]


def test_a_modify_that_crosses_takes(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    book.add_limit_order(2, "sell", 11.0, 3, 2)
    assert brief(book.modify_order(1, price=11.0)) == [(11.0, 3.0, 2)]
    assert book.depth(1) == ([(11.0, 2.0)], [])


@pytest.mark.parametrize(
    ("stp", "fills", "left"),
    [
        ("none", [(10.0, 5.0, 1), (10.0, 3.0, 2)], [(2, 2.0)]),
        ("cancel_taker", [], [(1, 5.0), (2, 5.0)]),
        ("cancel_maker", [(10.0, 5.0, 2)], [(9, 3.0)]),
        ("cancel_both", [], [(2, 5.0)]),
        ("decrement", [(10.0, 3.0, 2)], [(2, 2.0)]),
    ],
)
def test_self_trade_prevention(stp: Any, fills: list[Any], left: list[Any]) -> None:
    book = FastOrderBook("AAPL", stp=stp)
    book.add_limit_order(1, "sell", 10.0, 5, 7)
    book.add_limit_order(2, "sell", 10.0, 5, 8)
    assert brief(book.add_limit_order(9, "buy", 10.0, 8, 7)[1]) == fills
    assert [(order[0], order[2]) for side in ("buy", "sell") for order in book.orders(side)] == left


def test_an_order_can_be_looked_up(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 7, post_only=True)
    order = book.order(1)
    assert order is not None
    assert (order.order_id, order.side, order.price, order.quantity) == (1, "buy", 10.0, 5.0)
    assert (order.user_id, order.post_only) == (7, True)
    assert book.order(2) is None


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        ((1, "buy", 10.0, 1, 1), "order_id 1 is already in the book", "duplicate_order_id"),
        ((2, "buy", math.nan, 1, 1), "price NaN is not a finite number", "not_finite"),
        ((2, "buy", math.inf, 1, 1), "price inf is not a finite number", "not_finite"),
        ((2, "buy", 10.001, 1, 1), "price 10.001 is not a multiple of tick_size 0.01", "off_grid"),
        ((2, "buy", 0.0, 1, 1), "price 0 must be greater than zero", "not_positive"),
        ((2, "buy", -1.0, 1, 1), "price -1 must be greater than zero", "not_positive"),
        ((2, "buy", 1e18, 1, 1), "price .* is too large", "too_large"),
        ((2, "buy", 10.0, math.nan, 1), "quantity NaN is not a finite number", "not_finite"),
        ((2, "buy", 10.0, 0, 1), "quantity 0 must be greater than zero", "not_positive"),
        ((2, "buy", 10.0, -5, 1), "quantity -5 must be greater than zero", "not_positive"),
        ((2, "buy", 10.0, 1.5, 1), "quantity 1.5 is not a multiple of lot_size 1", "off_grid"),
    ],
)
def test_bad_orders_are_refused_by_name(book: FastOrderBook, arguments: Any, message: str, code: str) -> None:
    book.add_limit_order(1, "sell", 20.0, 5, 1)
    before = book.snapshot()
    with pytest.raises(ValueError, match=message) as refused:
        book.add_limit_order(*arguments)
    assert refused.value.code == code
    assert book.snapshot() == before


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((2, "hold", 10.0, 1, 1), {}, ValueError, 'side "hold" is not one of buy, sell'),
        ((2, "buy", 10.0, 1, 1), {"tif": "DAY1"}, ValueError, 'tif "DAY1" is not one of'),
        ((-2, "buy", 10.0, 1, 1), {}, ValueError, "order_id -2 does not fit"),
        ((2, "buy", 10.0, 1, 2**64), {}, ValueError, "user_id 18446744073709551616 does not fit"),
        (("2", "buy", 10.0, 1, 1), {}, TypeError, "order_id 2 is not an integer"),
        ((2, "buy", "ten", 1, 1), {}, TypeError, "price"),
    ],
)
def test_bad_arguments_are_refused_by_name(
    book: FastOrderBook, arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        book.add_limit_order(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tick_size": 0.0}, "tick_size 0 must be greater than zero"),
        ({"tick_size": math.nan}, "tick_size NaN is not a finite number"),
        ({"tick_size": 1 / 3}, "tick_size .* is not a multiple"),
        ({"lot_size": -1.0}, "lot_size -1 must be greater than zero"),
        ({"stp": "maybe"}, 'stp "maybe" is not one of'),
    ],
)
def test_a_book_needs_a_real_grid(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FastOrderBook("AAPL", **options)


def test_other_grids_and_negative_prices() -> None:
    spread = FastOrderBook("SPREAD", tick_size=0.25, lot_size=0.001, negative_prices=True)
    spread.add_limit_order(1, "buy", -1.25, 0.007, 1)
    spread.add_limit_order(2, "sell", 0.0, 1.5, 1)
    assert spread.depth(1) == ([(-1.25, 0.007)], [(0.0, 1.5)])
    assert spread.spread() == 1.25


def test_the_largest_ids_and_quantities_work(book: FastOrderBook) -> None:
    most = 2.0**47
    book.add_limit_order(2**64 - 1, "buy", 10.0, most, 2**64 - 1)
    (fill,) = book.add_market_order(0, "sell", most, 0)
    assert tuple(fill) == (10.0, most, 2**64 - 1, 2**64 - 1, 0, 0)


def test_snapshots_belong_to_their_instrument(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    snapshot = book.snapshot()
    for other in (FastOrderBook("MSFT"), FastOrderBook("AAPL", tick_size=0.05), FastOrderBook("AAPL", stp="decrement")):
        with pytest.raises(ValueError, match="another symbol, tick_size, lot_size or stp"):
            other.restore(snapshot)
        assert other.state_hash() != book.state_hash()


def test_state_hash_is_the_same_everywhere(book: FastOrderBook) -> None:
    """A number written down: another one here means that old snapshots and journals no longer agree."""
    book.add_limit_order(1, "buy", 10.0, 5, 1)
    book.add_limit_order(2, "sell", 11.0, 6, 2)
    assert book.state_hash() == 4436993280792381567


def test_threads_share_a_book(book: FastOrderBook) -> None:
    def trade(first_id: int) -> None:
        for order_id in range(first_id, first_id + 2000):
            book.add_limit_order(order_id, "buy", 10.0, 1, 1)

    threads = [threading.Thread(target=trade, args=(number * 10_000,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.volume_at_price(10.0, "buy") == 8000.0
