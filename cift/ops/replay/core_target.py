"""Straight into the Rust core, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from cift_core import FastOrderBook

from cift.core.messages import Side
from cift.ops.replay.target import Book, Placed, RefusedError, Taken

_USER = 1


class CoreTarget:
    """A fresh book of the core."""

    name = "core"

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._book = FastOrderBook(symbol)
        self._last_id = 0

    def place(self, side: Side, price: float, quantity: float, tif: Literal["GTC", "IOC"]) -> Placed:
        """Place a limit order under the next id."""
        self._last_id += 1
        try:
            order_id, fills = self._book.add_limit_order(self._last_id, side, price, quantity, _USER, tif=tif)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        return Placed(order_id, tuple(Taken(fill.maker_order_id, fill.price, fill.quantity) for fill in fills))

    def reduce(self, order_id: int, by: float) -> None:
        """Take `by` off a resting order."""
        try:
            self._book.reduce_order(order_id, by)
        except ValueError as error:
            raise RefusedError(str(error)) from error

    def cancel(self, order_id: int) -> None:
        """Cancel a resting order."""
        if not self._book.cancel_order(order_id):
            raise RefusedError(f"order_id {order_id} is not in the book")

    def book(self, depth: int, wanted: Callable[[Book], bool]) -> Book:
        """Return the book, which is always up to date."""
        bids, asks = self._book.depth(depth)
        return tuple(bids), tuple(asks)
