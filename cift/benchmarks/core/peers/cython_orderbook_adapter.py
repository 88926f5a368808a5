"""cython-orderbook: matches, and appends trades to a log on the book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cython_orderbook import Order, OrderBook, OrderSide  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "cython-orderbook"


class Adapter:
    """Orders are numbered by the package, one counter for all books. An order is an object that the caller makes."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        self._book = book = OrderBook()
        sides = (OrderSide.BID, OrderSide.ASK)
        put, cancel = book.add_limit_order, book.cancel_order
        offset = int(Order(OrderSide.BID, 1, 1).order_id)

        def add(side: Any, quantity: int, price: float) -> None:
            put(Order(side, quantity, price))

        return [
            (cancel, (str(row.order_id + offset),))
            if row.op == 2
            else (add, (sides[row.side], row.quantity, row.price))
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return the lots in the log."""
        return int(sum(trade.quantity_filled for trade in self._book.trade_log))
