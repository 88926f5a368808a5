"""The numbered changes of FastOrderBook: depth and queues rebuilt from nothing else."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from cift_core import CHANGE_DTYPE, EXCHANGE_COMMAND_DTYPE, FastOrderBook, dtypes

from tests.property.book_commands import STP_MODES, apply_core, random_command

SIDES: tuple[Any, ...] = ("buy", "sell")


class Follower:
    """A book built from changes alone: by order, and by price."""

    def __init__(self) -> None:
        self.orders: dict[int, list[Any]] = {}
        self.levels: tuple[dict[float, tuple[float, int]], ...] = ({}, {})
        self.trades, self.changes = 0, 0
        self.traded: list[tuple[float, float, int]] = []

    def follow(self, rows: Any) -> None:
        self.traded = []
        for row in rows.tolist():
            number, order_id, user, price, quantity, level, count, kind, side, _ = row
            if kind == dtypes.TRADE:
                self.trades += 1
                assert number == self.trades
                self.traded.append((price, quantity, order_id))
                continue
            self.changes += 1
            assert number == self.changes
            if kind == dtypes.ADD:
                assert order_id not in self.orders
                self.orders[order_id] = [side, price, quantity, user]
            elif kind == dtypes.REDUCED:
                assert 0 < quantity < self.orders[order_id][2]
                self.orders[order_id][2] = quantity
            else:
                assert quantity == 0
                del self.orders[order_id]
            self.levels[side][price] = (level, count)
            if not count:
                del self.levels[side][price]

    def queue(self, side: int) -> list[tuple[int, float, float, int]]:
        # A dict keeps the order of entry, and sorting is stable.
        rows = [(i, price, lots, user) for i, (at, price, lots, user) in self.orders.items() if at == side]
        return sorted(rows, key=lambda row: row[1] if side else -row[1])

    def depth(self, side: int) -> list[tuple[float, float]]:
        prices = sorted(self.levels[side], reverse=side == 0)
        return [(price, self.levels[side][price][0]) for price in prices]


@pytest.mark.parametrize("stp", STP_MODES)
def test_depth_and_queues_follow_from_the_changes_alone(stp: Any) -> None:
    book, chance, follower = FastOrderBook("X", stp=stp, changes=True), random.Random(3), Follower()
    for _ in range(4000):
        outcome = apply_core(book, random_command(chance))
        follower.follow(book.changes())
        if not isinstance(outcome, str):
            assert follower.traded == [fill[:3] for fill in book.fills()]
        assert (follower.trades, follower.changes) == (book.trade_number, book.change_number)
        for at, side in enumerate(SIDES):
            assert follower.queue(at) == book.orders(side)
            assert follower.depth(at) == book.depth(10_000)[at]
            counts = [count for _, count in follower.levels[at].values()]
            assert sum(counts) == len(book.orders(side))
    assert follower.trades > 200
    assert follower.changes > 1000


def test_the_numbers_count_without_a_listener_and_survive() -> None:
    books = FastOrderBook("X", changes=True), FastOrderBook("X")
    for book in books:
        chance = random.Random(4)
        for _ in range(500):
            apply_core(book, random_command(chance))
    assert books[0].state_hash() == books[1].state_hash()
    again = FastOrderBook("X", changes=True)
    again.restore(books[1].snapshot())
    again.shrink()
    assert (again.trade_number, again.change_number) == (books[0].trade_number, books[0].change_number)
    assert len(again.changes()) == 0
    with pytest.raises(ValueError, match="changes is False for this book"):
        books[1].changes()


def test_a_change_says_what_it_did() -> None:
    book = FastOrderBook("X", changes=True)
    book.add_limit_order(1, "buy", 10.0, 5, 7)
    book.add_limit_order(2, "buy", 10.0, 9, 8, display_quantity=3)
    book.add_limit_order(3, "buy", 10.0, 1, 8, hidden=True)
    book.reduce_order(1, 2)
    book.add_market_order(4, "sell", 7, 9)
    rows = book.changes()
    assert rows.dtype == CHANGE_DTYPE
    names = ["number", "order_id", "quantity", "level_quantity", "level_orders", "kind", "side"]
    assert rows[names].tolist() == [
        (1, 1, 5.0, 5.0, 1, dtypes.ADD, dtypes.BUY),
        (2, 2, 3.0, 8.0, 2, dtypes.ADD, dtypes.BUY),
        (3, 1, 3.0, 6.0, 2, dtypes.REDUCED, dtypes.BUY),
        (4, 1, 0.0, 3.0, 1, dtypes.REMOVE, dtypes.BUY),
        (1, 1, 3.0, 0.0, 0, dtypes.TRADE, dtypes.SELL),
        (5, 2, 0.0, 0.0, 0, dtypes.REMOVE, dtypes.BUY),
        (6, 2, 3.0, 3.0, 1, dtypes.ADD, dtypes.BUY),
        (2, 2, 3.0, 0.0, 0, dtypes.TRADE, dtypes.SELL),
        (7, 2, 2.0, 2.0, 1, dtypes.REDUCED, dtypes.BUY),
        (3, 2, 1.0, 0.0, 0, dtypes.TRADE, dtypes.SELL),
    ]
    assert len(book.changes()) == 0


def test_batches_tell_their_changes() -> None:
    for dtype in (dtypes.COMMAND_DTYPE, EXCHANGE_COMMAND_DTYPE):
        rows = np.zeros(2, dtype)
        rows["order_id"], rows["price"], rows["quantity"] = (1, 2), (10.0, 9.0), 5
        book = FastOrderBook("X", changes=True)
        book.submit_batch(rows)
        assert book.changes()["order_id"].tolist() == [1, 2]
