"""nautilus_trader: its L3 book in Rust. The book doesn't match: it is told the fills as deletes and updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.core import nautilus_pyo3 as nautilus  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "nautilus_trader"


class Adapter:
    """Orders are made beforehand: a feed gives them as they are."""

    def __init__(self, flow: Flow) -> None:
        self._steps = list(_changes(flow))

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        book = nautilus.OrderBook(nautilus.InstrumentId.from_str("BENCH.SIM"), nautilus.BookType.L3_MBO)
        does = {"add": book.add, "update": book.update, "delete": book.delete}
        calls: list[Call] = []
        for step in self._steps:
            if len(step) == 1:
                does_what, order = step[0]
                calls.append((does[does_what], (order, 0, 0, 0)))
            else:
                calls.append((_several, ([(does[what], order) for what, order in step],)))
        return calls

    def traded(self, results: list[Any]) -> int | None:
        """Return None: it doesn't match."""
        return None


def _several(changes: list[tuple[Any, Any]]) -> None:
    for change, order in changes:
        change(order, 0, 0, 0)


def _changes(flow: Flow) -> Any:
    """Yield the (change, order) pairs of each command."""
    sides = (nautilus.OrderSide.BUY, nautilus.OrderSide.SELL)
    live: dict[int, list[Any]] = {}

    def order(order_id: int) -> Any:
        side, price, left = live[order_id]
        return nautilus.BookOrder(sides[side], nautilus.Price(price, 2), nautilus.Quantity(left, 0), order_id)

    for number, row in enumerate(flow.commands):
        if row.op == 2:
            yield [("delete", order(row.order_id))]
            del live[row.order_id]
        elif number in flow.fills:
            step = []
            for fill in flow.fills[number]:
                live[fill.maker][2] -= fill.quantity
                step.append(("update" if live[fill.maker][2] else "delete", order(fill.maker)))
            yield step
        else:
            live[row.order_id] = [row.side, row.price, row.quantity]
            yield [("add", order(row.order_id))]
