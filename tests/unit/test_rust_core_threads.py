"""One book and several threads: single calls come while a batch has the book without the GIL, and none is lost."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest
from cift_core import COMMAND_DTYPE, Exchange, FastOrderBook, OrderError, RiskGate

_ROWS, _BATCHES, _CALLS = 20_000, 8, 4_000


@pytest.fixture
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching_often")
def test_calls_and_batches_wait_for_each_other() -> None:
    book = FastOrderBook("AAPL", tick_size=0.01)
    failed: list[BaseException] = []

    def batches(first: int) -> None:
        for number in range(_BATCHES):
            rows = np.zeros(_ROWS, dtype=COMMAND_DTYPE)
            rows["order_id"] = first + number * _ROWS + np.arange(_ROWS)
            rows["price"], rows["quantity"], rows["user_id"] = 1.0, 1.0, 1
            assert len(book.submit_batch(rows)) == _ROWS

    def calls(first: int) -> None:
        for order_id in range(first, first + _CALLS):
            assert book.add_limit_order(order_id, "buy", 1.0, 1.0, 1) == (order_id, [])
            assert order_id % 2 or book.cancel_order(order_id)

    def watched(work: Callable[[int], None], first: int) -> None:
        try:
            work(first)
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=watched, args=(work, number * 10_000_000), daemon=True)
        for number, work in enumerate((batches, calls, calls, batches, calls), start=1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "a thread waits for a book that nobody has"
    assert not failed
    assert len(book) == 2 * _BATCHES * _ROWS + 3 * _CALLS // 2


class Knot:
    """Only a collection ends it, as it holds itself; then it does something."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.myself, self.act = self, act

    def __del__(self) -> None:
        self.act()


@pytest.fixture
def collect_later() -> Iterator[Callable[[Callable[[], object], int], None]]:
    """Have something done by a collection that comes with one of the next allocations, the one with this number."""
    before = gc.get_threshold()

    def leave(act: Callable[[], object], number: int) -> None:
        gc.collect()
        Knot(act)
        gc.set_threshold(1 + number % 20)

    yield leave
    gc.set_threshold(*before)


_Later = Callable[[Callable[[], object], int], None]


def test_a_finalizer_may_use_the_book_that_made_the_garbage_collector_run(collect_later: _Later) -> None:
    book = FastOrderBook("AAPL", tick_size=0.01)
    cancelled: list[bool] = []
    told = []  # Lists that are kept: the interpreter makes the next one anew, and may collect then.
    for order_id in range(1, 100):
        collect_later(lambda: cancelled.append(book.cancel_order(1)), order_id)
        told.append(book.add_limit_order(order_id, "buy", 1.0, 1.0, 1))
        collect_later(lambda: cancelled.append(book.cancel_order(1)), order_id)
        with suppress(OrderError):
            book.add_limit_order(order_id + 1, "buy", 1.005, 1.0, 1)
    assert cancelled


def test_a_finalizer_may_use_the_risk_engine_that_refuses(collect_later: _Later) -> None:
    book, gate, exchange = FastOrderBook("AAPL", tick_size=0.01), RiskGate(), Exchange()
    gate.open("AAPL", 0.01, 1.0)
    exchange.add_symbol("AAPL", tick_size=0.01)
    gate.set_limit("max_quantity", 10.0)
    used: list[object] = []

    def use() -> None:
        used.append((book.best_bid(), gate.user(1), exchange.user(1)))

    for order_id in range(1, 100):
        collect_later(use, order_id)
        with suppress(OrderError):
            gate.check(book, order_id, 1, "buy", "limit", 11.0, price=1.0)
        collect_later(use, order_id)
        with suppress(OrderError):
            exchange.check_order("AAPL", 1, "buy", 1.0, 1.005)
    assert used
