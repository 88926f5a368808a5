"""LOBSTER files as market data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from cift_core.feeds import LOBSTER_EMPTY, LobsterReader
from cift_core.feeds import FeedError as ParseError

from cift.core.feeds.files import content, fingerprint
from cift.core.feeds.levels import TAKER, LevelBook
from cift.core.feeds.source import Change, FeedError, FileSource, Levels, Progress, Traded
from cift.core.messages import Side

_PRICE_UNITS = 10_000
_EXECUTE, _HIDDEN = 4, 5
_KINDS = {1: "add", 2: "reduce", 3: "cancel", _EXECUTE: "execute"}


class LobsterSource(FileSource):
    """A LOBSTER message file of one symbol, with the book file beside it where there is one (lobsterdata.com).

    Its name ends in `message...csv`, the book's in `orderbook...csv`. Without one, the book holds those orders alone
    that came after the file's beginning.
    """

    def __init__(self, path: Path, symbol: str, *, midnight_ns: int, run: str) -> None:
        self._path, self._symbol, self._midnight_ns = path, symbol, midnight_ns
        self._beside = path.with_name("orderbook".join(path.name.rsplit("message", 1)))
        if self._beside == path or not self._beside.exists():
            self._beside = Path()
        self.identity = f"lobster-{fingerprint(path)}-{run}"
        self._reader: LobsterReader | None = None
        self._row = 0
        self._book = LevelBook()

    def prepare(self, progress: Progress) -> None:
        """Read both files."""
        rows = content(self._path)
        books = content(self._beside) if self._beside.name else None
        try:
            reader = LobsterReader(rows, books)
        except ParseError as error:
            raise FeedError(f"{self._path}: {error}") from None
        back = np.flatnonzero(np.diff(reader.messages["time"].astype(np.int64)) < 0)
        if len(back):
            raise FeedError(f"{self._path}: line {back[0] + 2}: found a time before that of the line above it")
        self._reader = reader
        progress(1.0)

    def changes(self) -> Iterator[Change]:
        """Yield each message; a cross trade and a halt change nothing here: they have no taker."""
        if self._reader is None:
            self.prepare(lambda _: None)
        assert self._reader is not None  # noqa: S101
        self._book = LevelBook()
        told = self._reader.orderbook is not None
        for row, (time, order_id, size, price, kind, direction) in enumerate(self._reader.messages.tolist()):
            self._row = row
            side: Side = "buy" if direction == 1 else "sell"
            paid, quantity = price / _PRICE_UNITS, float(size)
            trades = (Traded(TAKER[side], paid, quantity),) if kind in (_EXECUTE, _HIDDEN) else ()
            touched = kind in _KINDS and (told or self._book.apply(_KINDS[kind], order_id, side, paid, quantity))
            yield Change(self._midnight_ns + time, row + 1, self._symbol, trades, touched)

    def depth(self, symbol: str, levels: int) -> tuple[Levels, Levels]:
        """Return the row of the book file, or the book as far as it is known."""
        if self._reader is None or self._reader.orderbook is None:
            return self._book.depth(levels)
        numbers = self._reader.orderbook[self._row].tolist()
        return _levels(numbers, 2, levels), _levels(numbers, 0, levels)


def _levels(numbers: list[int], first: int, most: int) -> Levels:
    pairs = zip(numbers[first::4], numbers[first + 1 :: 4], strict=True)
    return tuple((price / _PRICE_UNITS, float(size)) for price, size in pairs if abs(price) != LOBSTER_EMPTY)[:most]
