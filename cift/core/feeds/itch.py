"""NASDAQ TotalView-ITCH 5.0 files as market data: the Rust core reads the messages and keeps the books."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from cift_core.feeds import FeedError as ParseError
from cift_core.feeds import ItchBook, parse_itch

from cift.core.feeds.files import fingerprint, pieces
from cift.core.feeds.levels import TAKER
from cift.core.feeds.source import Change, FeedError, FileSource, Levels, Progress, Traded
from cift.core.messages import Side

_PRICE_UNITS = 10_000
# Each message: its length, its type, the stock's number, a tracking number and nanoseconds since midnight in six bytes.
_HEAD = struct.Struct(">HcHHHI")
_TOUCHING = frozenset((b"A", b"F", b"E", b"C", b"X", b"D", b"U"))
_EXECUTED = frozenset((b"E", b"C"))
_HIDDEN = b"P"
_SIDES: dict[bytes, Side] = {b"B": "buy", b"S": "sell"}


class ItchSource(FileSource):
    """One day of the feed, of all stocks or of some.

    A stock's name becomes a symbol's: what isn't A-Z, 0-9, - or _ becomes _. Trades are those that may be added up:
    executions that are not printable and crosses, which have no taker, are left out.
    """

    def __init__(self, path: Path, symbols: tuple[str, ...], *, midnight_ns: int, run: str) -> None:
        self._path, self._wanted, self._midnight_ns = path, frozenset(symbols), midnight_ns
        self.identity = f"itch-{fingerprint(path)}-{run}"
        self._book = ItchBook()
        self._stocks: dict[str, str] = {}

    def prepare(self, progress: Progress) -> None:
        """Apply every message of the file once, and look for the symbols."""
        book, left, done = ItchBook(), b"", 0
        for piece, part in pieces(self._path):
            data = left + piece
            try:
                used = book.apply(data, partial=True)
            except ParseError as error:
                at = done + error.offset
                raise FeedError(f"{self._path}: byte {at}: {str(error).partition(': ')[2] or error}") from None
            left, done = data[used:], done + used
            progress(part)
        if left:
            raise FeedError(f"{self._path}: byte {done}: found {len(left)} bytes of a message, expected all of it")
        absent = self._wanted - {_symbol(stock) for stock in book.symbols()}
        if absent:
            raise FeedError(f"{self._path}: found no stock {', '.join(sorted(absent))}; it has {len(book.symbols())}")

    def changes(self) -> Iterator[Change]:
        """Yield the messages that change a book or are a trade; `seq` counts all messages of the file."""
        self._book, self._stocks = ItchBook(), {}
        names: dict[int, str] = {}
        number = 0
        for message in _messages(self._path):
            _, kind, locate, _, high, low = _HEAD.unpack_from(message)
            number += 1
            # Whose order it is, and at what price, is known as long as the order rests.
            traded = self._traded(kind, message) if kind in _EXECUTED or kind == _HIDDEN else ()
            self._book.apply(message)
            if kind == b"R":
                stock = bytes(parse_itch(message)["R"][0]["stock"]).decode()
                names[locate], self._stocks[_symbol(stock)] = _symbol(stock), stock
            symbol = names.get(locate, "")
            if (self._wanted and symbol not in self._wanted) or not symbol:
                continue
            touched = kind in _TOUCHING
            if touched or traded:
                yield Change(self._midnight_ns + (high << 32 | low), number, symbol, traded, touched)

    def _traded(self, kind: bytes, message: memoryview) -> tuple[Traded, ...]:
        row = parse_itch(message)[kind.decode()][0]
        if kind == _HIDDEN:
            resting = _SIDES[bytes(row["buy_sell_indicator"])]
            return (Traded(TAKER[resting], row["price"].item() / _PRICE_UNITS, float(row["shares"])),)
        order = self._book.order(row["order_reference_number"].item())
        if order is None or (kind == b"C" and bytes(row["printable"]) != b"Y"):
            return ()
        _, side, price, _ = order
        if kind == b"C":
            price = row["execution_price"].item() / _PRICE_UNITS
        return (Traded(TAKER[side], price, float(row["executed_shares"])),)

    def depth(self, symbol: str, levels: int) -> tuple[Levels, Levels]:
        """Return the symbol's best levels."""
        bids, asks = self._book.depth(self._stocks[symbol], levels)
        return tuple((price, float(shares)) for price, shares in bids), tuple((p, float(s)) for p, s in asks)


def _symbol(stock: str) -> str:
    return re.sub(r"[^A-Z0-9_-]", "_", stock)


def _messages(path: Path) -> Iterator[memoryview]:
    """Yield each message with the two bytes of its length."""
    left = b""
    for piece, _ in pieces(path):
        data = memoryview(left + piece)
        at = 0
        while at + 2 <= len(data):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            if end > len(data):
                break
            yield data[at:end]
            at = end
        left = bytes(data[at:])
