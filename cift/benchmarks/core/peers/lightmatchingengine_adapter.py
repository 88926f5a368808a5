"""lightmatchingengine: plain Python; a call returns the order and its trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "lightmatchingengine"


class Adapter:
    """Orders are numbered from 1 in the order of their coming, as the flow's are."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        engine = LightMatchingEngine()
        sides = (Side.BUY, Side.SELL)
        return [
            (engine.cancel_order, (row.order_id, "BENCH"))
            if row.op == 2
            else (engine.add_order, ("BENCH", row.price, row.quantity, sides[row.side]))
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return the lots filled: one trade of the taker for each price, others of the makers."""
        taken = (result for result in results if isinstance(result, tuple))
        return int(sum(order.cum_qty for order, trades in taken if trades))
