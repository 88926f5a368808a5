"""No book at all: what the loop of the runner costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "cift"


class Adapter:
    """An empty function that takes what a book's call takes."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def calls(self) -> list[Call]:
        """Return the calls."""
        return [
            (_cancel, (row.order_id,)) if row.op == 2 else (_add, (row.order_id, row.side, row.price, row.quantity, 0))
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return None: nothing trades."""
        return None


def _add(order_id: int, side: int, price: float, quantity: int, user_id: int) -> None:
    pass


def _cancel(order_id: int) -> None:
    pass
