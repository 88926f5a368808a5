"""The old engine as one of `make bench-core`'s adapters: a call for each operation, what it filled as tuples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numba_functions import Arrays, cancel, place  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "numba"
_TICK = 0.01


class Book:
    """Prices and fills as people write them, around the compiled functions."""

    def __init__(self, room: int) -> None:
        self._arrays = Arrays(room)

    def add_limit_order(
        self, order_id: int, side: str, price: float, quantity: float
    ) -> tuple[int, list[tuple[float, float, int]]]:
        """Return the order's id, and (price, quantity, maker) of each fill."""
        one = self._arrays
        made = place(
            one.ticks, one.lots, one.ids, one.sizes, one.fills,
            0 if side == "buy" else 1, round(price / _TICK), int(quantity), order_id,
        )  # fmt: skip
        if not made:
            return order_id, []
        return order_id, [(ticks * _TICK, float(lots), maker) for maker, ticks, lots in one.fills[:made].tolist()]

    def cancel_order(self, order_id: int) -> bool:
        """Return whether the order was there."""
        one = self._arrays
        return bool(cancel(one.ticks, one.lots, one.ids, one.sizes, order_id))


class Adapter:
    """Calls of the old engine."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        # Compiling is not what is measured.
        book = Book(16)
        book.add_limit_order(1, "buy", 1.0, 1.0)
        book.cancel_order(1)

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        book = Book(len(self._flow.commands))
        add, remove = book.add_limit_order, book.cancel_order
        return [
            (remove, (row.order_id,))
            if row.op == 2
            else (add, (row.order_id, "sell" if row.side else "buy", row.price, float(row.quantity)))
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return the lots filled."""
        return int(sum(lots for one in results if isinstance(one, tuple) for _, lots, _ in one[1]))
