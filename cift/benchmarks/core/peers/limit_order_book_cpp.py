"""limit-order-book: a C++ book behind ctypes. It matches limit orders, and tells no fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limit_order_book import LimitOrderBook  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "limit-order-book"


class Adapter:
    """Prices are integers: hundredths."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        book = LimitOrderBook()
        sides = (book.limit_buy, book.limit_sell)
        return [
            (book.cancel, (row.order_id,))
            if row.op == 2
            else (sides[row.side], (row.order_id, row.quantity, row.ticks))
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return None: calls return nothing."""
        return None
