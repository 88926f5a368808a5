"""cift_core, one call on the book for each operation; a call that fills returns its fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cift_core import FastOrderBook

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "cift_core"


class Adapter:
    """Calls of FastOrderBook."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        book = FastOrderBook("BENCH", tick_size=0.01)
        add, cancel = book.add_limit_order, book.cancel_order
        return [
            (cancel, (row.order_id,))
            if row.op == 2
            else (
                add,
                (row.order_id, "sell" if row.side else "buy", row.price, float(row.quantity), row.order_id % 100),
            )
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return the lots filled."""
        return int(sum(fill.quantity for result in results if isinstance(result, tuple) for fill in result[1]))
