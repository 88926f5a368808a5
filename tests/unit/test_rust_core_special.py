"""Hidden, all-or-none and reduce-only orders of FastOrderBook."""

from __future__ import annotations

from typing import Any

import pytest
from cift_core import FastOrderBook, OrderError


@pytest.fixture
def book() -> FastOrderBook:
    return FastOrderBook("AAPL")


def makers(fills: list[Any]) -> list[tuple[int, float]]:
    return [(fill.maker_order_id, fill.quantity) for fill in fills]


def test_a_hidden_order_shows_nowhere(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1, hidden=True)
    assert (book.best_bid(), book.spread(), book.depth(5), book.orders("buy")) == (None, None, ([], []), [])
    assert book.volume_at_price(10.0, "buy") == 0.0
    assert book.unseen_orders("buy") == [(1, 10.0, 5.0, 1, "hidden")]
    order = book.order(1)
    assert order is not None
    assert (order.price, order.quantity, order.visible, order.hidden) == (10.0, 5.0, 0.0, True)
    assert len(book) == 1


def test_at_one_price_a_hidden_order_trades_after_all_that_shows(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1, hidden=True)
    book.add_limit_order(2, "sell", 10.0, 25, 2, display_quantity=10)
    book.add_limit_order(3, "sell", 9.99, 1, 3, hidden=True)
    assert [book.queue_position(order_id) for order_id in (1, 2, 3)] == [(1, 10.0), (0, 0.0), (0, 0.0)]
    assert makers(book.add_market_order(4, "buy", 28, 4)) == [(3, 1.0), (2, 10.0), (2, 10.0), (2, 5.0), (1, 2.0)]
    assert book.unseen_orders("sell") == [(1, 10.0, 3.0, 1, "hidden")]


def test_fill_or_kill_and_post_only_see_hidden_orders(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    book.add_limit_order(2, "sell", 10.0, 5, 1, hidden=True)
    assert book.add_limit_order(3, "buy", 10.0, 11, 2, tif="FOK")[1] == []
    with pytest.raises(OrderError, match="post_only order_id 3 would take"):
        book.add_limit_order(3, "buy", 10.0, 1, 2, post_only=True)
    assert makers(book.add_limit_order(3, "buy", 10.0, 10, 2, tif="FOK")[1]) == [(1, 5.0), (2, 5.0)]
    book.add_limit_order(4, "sell", 9.5, 5, 1, hidden=True)
    book.add_limit_order(5, "buy", 10.0, 5, 2, reprice=True)
    assert book.depth(1)[0] == [(9.49, 5.0)]


def test_hidden_orders_gather_in_an_auction_and_trade_last_at_their_price(book: FastOrderBook) -> None:
    book.set_phase("opening_auction")
    book.add_limit_order(1, "sell", 10.0, 5, 1, hidden=True)
    book.add_limit_order(2, "sell", 10.0, 5, 2)
    book.add_limit_order(3, "buy", 10.0, 8, 3, hidden=True)
    assert book.depth(1) == ([], [(10.0, 5.0)])
    with pytest.raises(OrderError, match="needs a book that is not crossed"):
        book.set_phase("continuous")
    assert book.indication() == (10.0, 8.0, -2.0)
    assert makers(book.uncross()[1]) == [(2, 5.0), (1, 3.0)]


def test_a_mass_cancel_and_time_find_hidden_orders(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 7, hidden=True, tif="GTD", expires=50)
    book.add_limit_order(2, "buy", 9.0, 5, 8, hidden=True)
    book.add_limit_order(3, "buy", 9.0, 5, 8)
    assert book.cancel_orders(low=9.0, high=9.5) == [(3, 5.0, "user"), (2, 5.0, "user")]
    assert book.advance_time(50) == [(1, 5.0, "expired")]


def test_a_hidden_order_keeps_its_place_only_as_others_do(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 5, 1, hidden=True)
    book.add_limit_order(2, "buy", 10.0, 5, 2, hidden=True)
    book.modify_order(1, quantity=3)
    assert book.queue_position(2) == (1, 3.0)
    book.modify_order(1, quantity=4)
    assert book.queue_position(2) == (0, 0.0)
    assert book.unseen_orders("buy") == [(2, 10.0, 5.0, 2, "hidden"), (1, 10.0, 4.0, 1, "hidden")]


def test_all_or_none_trades_whole_or_rests_unseen(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    assert book.add_limit_order(2, "buy", 10.0, 6, 2, all_or_none=True) == (2, [])
    assert book.depth(1) == ([], [(10.0, 5.0)])
    assert book.unseen_orders("buy") == [(2, 10.0, 6.0, 2, "all_or_none")]
    # What comes completes it: it takes as soon as it can, oldest first.
    assert makers(book.add_limit_order(3, "sell", 10.0, 5, 3)[1]) == [(1, 5.0), (3, 1.0)]
    assert book.depth(1)[1] == [(10.0, 4.0)]


def test_an_all_or_none_order_is_passed_over_by_takers_that_are_too_small(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 10, 1, tif="AON")
    book.add_limit_order(2, "sell", 10.0, 3, 2)
    book.add_limit_order(3, "sell", 10.01, 3, 2)
    book.add_limit_order(4, "sell", 10.0, 3, 2, hidden=True)
    assert book.queue_position(1) == (2, 6.0)
    assert makers(book.add_limit_order(5, "buy", 10.01, 8, 3)[1]) == [(2, 3.0), (4, 3.0), (3, 2.0)]
    assert makers(book.add_limit_order(6, "buy", 10.01, 12, 3, tif="FOK")[1]) == []
    assert makers(book.add_limit_order(6, "buy", 10.01, 11, 3, tif="FOK")[1]) == [(1, 10.0), (3, 1.0)]


def test_the_money_of_an_order_passes_over_all_or_none(book: FastOrderBook) -> None:
    book.add_limit_order(1, "sell", 10.0, 1, 1, all_or_none=True)
    book.add_limit_order(2, "sell", 11.0, 5, 1)
    assert makers(book.add_market_notional_order(3, "buy", 25.0, 2)) == [(2, 2.0)]


def test_all_or_none_has_no_part_in_auctions_and_trades_after_them(book: FastOrderBook) -> None:
    book.set_phase("closing_auction")
    book.add_limit_order(1, "sell", 10.0, 5, 1, all_or_none=True)
    book.add_limit_order(2, "buy", 10.0, 5, 2)
    assert book.indication() is None
    assert makers(book.uncross()[1]) == [(2, 5.0)]


def test_a_cancel_can_let_an_all_or_none_order_trade() -> None:
    """The user's own order stands in the way, until it goes."""
    book = FastOrderBook("AAPL", stp="cancel_taker")
    book.add_limit_order(1, "sell", 10.0, 5, 1)
    book.add_limit_order(2, "sell", 10.0, 5, 2)
    book.add_limit_order(3, "buy", 10.0, 5, 1, all_or_none=True)
    assert book.cancel_order(1)
    assert makers(book.fills()) == [(2, 5.0)]


def test_reduce_only_needs_a_position_and_is_cut_to_it(book: FastOrderBook) -> None:
    with pytest.raises(OrderError, match="reduce_only order_id 1 has no position to reduce") as refused:
        book.add_limit_order(1, "sell", 10.0, 5, 1, reduce_only=True)
    assert (refused.value.code, refused.value.field) == ("nothing_to_reduce", "reduce_only")
    book.set_position(1, 3)
    with pytest.raises(OrderError, match="no position to reduce"):
        book.add_limit_order(1, "buy", 10.0, 5, 1, reduce_only=True)
    book.add_limit_order(1, "sell", 10.0, 5, 1, reduce_only=True)
    assert book.cancelled() == [(1, 2.0, "reduce_only")]
    assert book.depth(1)[1] == [(10.0, 3.0)]
    order = book.order(1)
    assert order is not None
    assert order.reduce_only


def test_every_fill_moves_the_position_and_trims_the_newest_first(book: FastOrderBook) -> None:
    book.set_position(1, 10)
    book.add_limit_order(1, "sell", 10.0, 6, 1, reduce_only=True)
    book.add_limit_order(2, "sell", 9.0, 4, 1, reduce_only=True)
    book.add_limit_order(3, "buy", 8.0, 5, 2)
    book.add_market_order(4, "sell", 5, 1)
    assert (book.position(1), book.position(2)) == (5.0, None)
    assert book.cancelled() == [(2, 4.0, "reduce_only"), (1, 1.0, "reduce_only")]
    assert book.set_position(1, None) == [(1, 5.0, "reduce_only")]


def test_a_reduce_only_order_never_trades_beyond_the_position(book: FastOrderBook) -> None:
    """The user's plain order is hit first and leaves less to reduce while the same taker goes on."""
    book.set_position(1, 10)
    book.add_limit_order(1, "sell", 10.0, 7, 1)
    book.add_limit_order(2, "sell", 10.1, 10, 1, reduce_only=True)
    book.add_limit_order(3, "sell", 10.2, 10, 3)
    assert book.add_limit_order(4, "buy", 10.1, 11, 2, tif="FOK")[1] == []
    assert makers(book.add_limit_order(4, "buy", 10.2, 20, 2, tif="FOK")[1]) == [(1, 7.0), (2, 3.0), (3, 10.0)]
    assert (book.position(1), book.order(2)) == (0.0, None)


def test_reduce_only_market_and_stop_orders_close_a_position(book: FastOrderBook) -> None:
    book.add_limit_order(1, "buy", 10.0, 20, 9)
    book.set_position(1, 8)
    book.add_stop_order(2, "sell", 100, 1, trigger_price=10.0, reduce_only=True)
    assert makers(book.add_market_order(3, "sell", 2, 1, reduce_only=True)) == [(1, 2.0), (1, 6.0)]
    assert book.position(1) == 0.0
    assert book.cancelled() == [(2, 94.0, "reduce_only")]
    with pytest.raises(OrderError, match="no position to reduce"):
        book.add_market_order(4, "sell", 2, 1, reduce_only=True)
    book.set_position(1, -3)
    book.add_limit_order(5, "sell", 11.0, 1, 9)
    assert makers(book.add_market_to_limit_order(6, "buy", 5, 1, reduce_only=True)[1]) == [(5, 1.0)]
    assert book.depth(1)[0] == [(11.0, 2.0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": True, "display_quantity": 1}, "hidden can't go together with display_quantity"),
        ({"all_or_none": True, "display_quantity": 1}, "all_or_none can't go together with display_quantity"),
        ({"reduce_only": True, "display_quantity": 1}, "reduce_only can't go together with display_quantity"),
        ({"all_or_none": True, "post_only": True}, "all_or_none can't go together with post_only"),
        ({"tif": "AON", "min_quantity": 1}, "all_or_none can't go together with min_quantity"),
        ({"all_or_none": True, "reduce_only": True}, "all_or_none can't go together with reduce_only"),
        ({"all_or_none": True, "tif": "IOC"}, "all_or_none needs a tif that lets the order rest"),
        ({"hidden": True, "tif": "FOK"}, "hidden needs a tif that lets the order rest"),
    ],
)
def test_what_contradicts_itself_is_refused(book: FastOrderBook, options: Any, message: str) -> None:
    book.set_position(1, 10)
    before = book.state_hash()
    with pytest.raises(OrderError, match=message):
        book.add_limit_order(1, "sell", 10.0, 5, 1, **options)
    assert book.state_hash() == before


@pytest.mark.parametrize("position", [float("nan"), float("inf"), 0.5, 1e300])
def test_a_position_off_the_grid_is_refused(book: FastOrderBook, position: float) -> None:
    before = book.state_hash()
    with pytest.raises(ValueError, match=r"^position "):
        book.set_position(1, position)
    assert book.state_hash() == before
