"""Order books by symbol, matched by the Rust core.

`get_order_book_manager()` is the migration guide's entry point. A book call takes well under a microsecond, so the
coroutines run it in place: they are coroutines because callers await every adapter alike, and they never block.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Literal

from cift_core import FastOrderBook, Fill

from cift.core.messages import Side

TimeInForce = Literal["GTC", "IOC", "FOK"]
SelfTradePrevention = Literal["none", "cancel_taker", "cancel_maker", "cancel_both", "decrement"]
Levels = list[tuple[float, float]]


class UnknownSymbolError(ValueError):
    """No book is open for the symbol."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"symbol {symbol!r} has no book: open one with open_book(), or by its first order")
        self.symbol = symbol


class OrderBookManager:
    """One book per symbol; safe to use from several threads and from coroutines.

    A symbol must be opened with its tick and lot size before its first order, unless `open_unknown`: then the first
    order opens a book with the default sizes. Cancels and queries never open a book: they raise `UnknownSymbolError`.
    """

    def __init__(
        self,
        *,
        tick_size: float = 0.01,
        lot_size: float = 1.0,
        stp: SelfTradePrevention = "none",
        open_unknown: bool = True,
    ) -> None:
        self._tick_size = tick_size
        self._lot_size = lot_size
        self._stp: SelfTradePrevention = stp
        self._open_unknown = open_unknown
        self._books: dict[str, FastOrderBook] = {}
        self._opening = threading.Lock()

    @property
    def symbols(self) -> list[str]:
        """Return the symbols with a book, sorted."""
        return sorted(self._books)

    def open_book(self, symbol: str, *, tick_size: float | None = None, lot_size: float | None = None) -> FastOrderBook:
        """Open the symbol's book, or return the open one. ValueError if that one has other tick or lot sizes."""
        tick_size = self._tick_size if tick_size is None else tick_size
        lot_size = self._lot_size if lot_size is None else lot_size
        with self._opening:
            book = self._books.get(symbol)
            if book is None:
                book = FastOrderBook(symbol, tick_size=tick_size, lot_size=lot_size, stp=self._stp)
                self._books[symbol] = book
        if (book.tick_size, book.lot_size) != (tick_size, lot_size):
            raise ValueError(
                f"symbol {symbol!r} is open with tick_size {book.tick_size} and lot_size {book.lot_size}, "
                f"not {tick_size} and {lot_size}"
            )
        return book

    def book(self, symbol: str) -> FastOrderBook:
        """Return the symbol's book, for calls that this class has no coroutine for."""
        try:
            return self._books[symbol]
        except KeyError:
            raise UnknownSymbolError(symbol) from None

    async def add_limit_order(
        self,
        *,
        symbol: str,
        order_id: int,
        side: Side,
        price: float,
        quantity: float,
        user_id: int,
        tif: TimeInForce = "GTC",
        post_only: bool = False,
    ) -> tuple[int, list[Fill]]:
        """Add a limit order; return its id and what it took. ValueError names a bad field and leaves the book alone."""
        return self._book_for_order(symbol).add_limit_order(
            order_id, side, price, quantity, user_id, tif=tif, post_only=post_only
        )

    async def add_market_order(
        self, *, symbol: str, order_id: int, side: Side, quantity: float, user_id: int
    ) -> list[Fill]:
        """Take what is there; what finds no counterpart is cancelled. Return the fills."""
        return self._book_for_order(symbol).add_market_order(order_id, side, quantity, user_id)

    async def cancel_order(self, *, symbol: str, order_id: int) -> bool:
        """Take an order out of the book; False when no such order rests."""
        return self.book(symbol).cancel_order(order_id)

    async def reduce_order(self, *, symbol: str, order_id: int, by: float) -> float:
        """Take `by` off an order, which keeps its place; return what is left."""
        return self.book(symbol).reduce_order(order_id, by)

    async def modify_order(
        self, *, symbol: str, order_id: int, price: float | None = None, quantity: float | None = None
    ) -> list[Fill]:
        """Give an order another price, quantity or both; return what it took if it came in anew."""
        return self.book(symbol).modify_order(order_id, price=price, quantity=quantity)

    async def get_depth(self, *, symbol: str, levels: int = 10) -> tuple[Levels, Levels]:
        """Return bids and asks as `(price, quantity)`, best first."""
        return self.book(symbol).depth(levels)

    async def get_best(self, *, symbol: str) -> tuple[float | None, float | None]:
        """Return the best bid and the best ask, None for an empty side."""
        book = self.book(symbol)
        return book.best_bid(), book.best_ask()

    def _book_for_order(self, symbol: str) -> FastOrderBook:
        book = self._books.get(symbol)
        if book is not None:
            return book
        if not self._open_unknown:
            raise UnknownSymbolError(symbol)
        return self.open_book(symbol)


@lru_cache(maxsize=1)
def get_order_book_manager() -> OrderBookManager:
    """Return the process-wide manager."""
    return OrderBookManager()
