"""pyorderbook: plain Python, decimal prices; a call returns a blotter of trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyorderbook import Book, ask, bid  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "pyorderbook"


class Adapter:
    """An order is an object that the caller makes, and is cancelled by it: making counts."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        book, orders = Book(), {}

        def add(make: Any, order_id: int, price: float, quantity: int) -> Any:
            orders[order_id] = order = make("BENCH", price, quantity)
            return book.match(order)

        def cancel(order_id: int) -> None:
            book.cancel(orders[order_id])

        return [
            (cancel, (row.order_id,))
            if row.op == 2
            else (add, (ask if row.side else bid, row.order_id, row.price, row.quantity))
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return the lots filled."""
        return int(sum(trade.fill_quantity for blotter in results if blotter is not None for trade in blotter.trades))
