"""Recorded Binance streams as market data: a message a line, as JSON, after the time of its receipt if it is noted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cift.core.feeds.binance import Market, head_of
from cift.core.feeds.files import fingerprint, pieces
from cift.core.feeds.source import Change, FeedError, FileSource, Levels, Progress
from cift.core.feeds.symbols import check_symbol


class BinanceSource(FileSource):
    """A file of one symbol or several; a snapshot without a symbol is of the only one that is asked for.

    A recording has whole books and no gaps: updates that are missing are an error of the file.
    """

    def __init__(self, path: Path, symbols: tuple[str, ...], *, run: str) -> None:
        self._path, self._symbols = path, symbols
        self.identity = f"binance-{fingerprint(path)}-{run}"
        self._markets: dict[str, Market] = {}
        self._part = 0.0

    def prepare(self, progress: Progress) -> None:
        """Apply every message once."""
        found = False
        for number, _ in enumerate(self.changes()):
            found = True
            if number % 1000 == 0:
                progress(self._part)
        if not found:
            wanted = f" of {', '.join(self._symbols)}" if self._symbols else ""
            raise FeedError(f"{self._path}: found no trade and no book{wanted}")

    def changes(self) -> Iterator[Change]:
        """Yield what each line changes."""
        self._markets = {}
        for number, offset, line in self._lines():
            try:
                change = self._take(line)
            except ValueError as error:
                raise FeedError(f"{self._path}: line {number}, byte {offset}: {error}") from None
            if change is not None:
                yield change

    def _take(self, line: bytes) -> Change | None:
        message = line.partition(b" ")[2] if line[:1].isdigit() else line
        head, symbol = head_of(message)
        if not symbol and len(self._symbols) == 1:
            symbol = self._symbols[0]
        if self._symbols and symbol not in self._symbols:
            return None
        if not symbol:
            if head.last is None:
                return None  # another stream's
            raise FeedError("found a snapshot that names no symbol, expected one symbol in CIFT_FEED_SYMBOLS")
        market = self._markets.get(symbol)
        if market is None:
            market = self._markets[symbol] = Market(check_symbol(symbol))
        told = market.take(message, head)
        if told.missing and head.event != "trade":
            raise FeedError("updates before it are missing, expected each to follow the last")
        # A snapshot has no time: what comes first has to tell it.
        return told.change if told.change is not None and told.change.ts else None

    def depth(self, symbol: str, levels: int) -> tuple[Levels, Levels] | None:
        """Return the symbol's best levels; None before its snapshot."""
        return self._markets[symbol].depth(levels)

    def _lines(self) -> Iterator[tuple[int, int, bytes]]:
        number, offset, left = 0, 0, b""
        for piece, self._part in pieces(self._path):  # noqa: B020
            *lines, left = (left + piece).split(b"\n")
            for line in lines:
                number += 1
                if line.strip():
                    yield number, offset, line
                offset += len(line) + 1
        if left.strip():
            yield number + 1, offset, left
