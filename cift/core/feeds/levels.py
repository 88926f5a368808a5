"""A book of levels that follows order flow."""

from __future__ import annotations

import heapq

from cift.core.feeds.source import Levels
from cift.core.messages import Side

TAKER: dict[str, Side] = {"buy": "sell", "sell": "buy"}
"""Who took, by the side of the order that rested."""


class LevelBook:
    """What rests at each price, from orders that were seen coming."""

    def __init__(self) -> None:
        self._sides: dict[Side, dict[float, float]] = {"buy": {}, "sell": {}}
        self._left: dict[int, float] = {}

    def apply(self, kind: str, order_id: int, side: Side, price: float, quantity: float) -> bool:
        """Add an order, or take from one that is known; return whether the book changed."""
        levels = self._sides[side]
        if kind == "add":
            self._left[order_id] = quantity
            levels[price] = levels.get(price, 0.0) + quantity
            return True
        left = self._left.get(order_id)
        if left is None:
            return False  # it rested before the flow began
        taken = min(left, quantity)
        if left > taken:
            self._left[order_id] = left - taken
        else:
            del self._left[order_id]
        levels[price] = levels[price] - taken
        if levels[price] <= 0:
            del levels[price]
        return True

    def depth(self, levels: int) -> tuple[Levels, Levels]:
        """Return the best levels, best first."""
        bids, asks = self._sides["buy"], self._sides["sell"]
        return (
            tuple((price, bids[price]) for price in heapq.nlargest(levels, bids)),
            tuple((price, asks[price]) for price in heapq.nsmallest(levels, asks)),
        )
