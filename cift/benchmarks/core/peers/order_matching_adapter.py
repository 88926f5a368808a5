"""order-matching: plain Python; orders are placed, then matched by a second call that returns the trades."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from loguru import logger  # type: ignore[import-not-found]
from order_matching.enums import Side  # type: ignore[import-not-found]
from order_matching.matching_engine import MatchingEngine  # type: ignore[import-not-found]
from order_matching.order import LimitOrder  # type: ignore[import-not-found]
from order_matching.orders import Orders  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "order-matching"
_NOW = datetime(2026, 1, 2)


class Adapter:
    """An order is an object that the caller makes: making counts. Its log is turned down to warnings."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        logger.remove()
        logger.add(sys.stderr, level="WARNING")

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        engine, sides = MatchingEngine(seed=1), (Side.BUY, Side.SELL)

        def add(order_id: str, side: Any, price: float, size: float) -> Any:
            order = LimitOrder(
                side=side,
                price=price,
                size=size,
                timestamp=_NOW,
                order_id=order_id,
                trader_id="x",
                price_number_of_digits=2,
            )
            engine.place(Orders([order]))
            return engine.match(_NOW)

        return [
            (engine.cancel_order, (str(row.order_id),))
            if row.op == 2
            else (add, (str(row.order_id), sides[row.side], row.price, float(row.quantity)))
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return the lots filled."""
        return int(sum(trade.size for result in results if result is not None for trade in result.trades))
