"""CSV files as market data: trades or best prices, a row each, in the order of time.

The first row names the columns, in any order:

    ts,symbol,side,price,quantity                      trades; side is the taker's, buy or sell
    ts,symbol,bid,bid_quantity,ask,ask_quantity        best prices; an empty side has neither price nor quantity

`ts` is nanoseconds since 1970 or ISO 8601 (UTC where it names no zone), to the microsecond.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cift.core.feeds.files import fingerprint, opened
from cift.core.feeds.source import Change, FeedError, FileSource, Levels, Progress, Traded
from cift.core.feeds.symbols import check_symbol

_TRADES = ("ts", "symbol", "side", "price", "quantity")
_QUOTES = ("ts", "symbol", "bid", "bid_quantity", "ask", "ask_quantity")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOW_EVERY = 50_000


class CsvSource(FileSource):
    """A file of one kind of row."""

    def __init__(self, path: Path, *, run: str) -> None:
        self._path = path
        self.identity = f"csv-{fingerprint(path)}-{run}"
        self._best: dict[str, tuple[Levels, Levels]] = {}

    def prepare(self, progress: Progress) -> None:
        """Read every row."""
        last = -1
        for change in self.changes():
            if change.ts < last:
                raise FeedError(f"{self._path}: line {change.seq + 1}: ts: found a time before that of the row above")
            last = change.ts
            if change.seq % _SHOW_EVERY == 0:
                progress(math.nan)
        if last < 0:
            raise FeedError(f"{self._path}: found no row, expected some after the names of the columns")

    def changes(self) -> Iterator[Change]:
        """Yield each row; `seq` counts them from 1."""
        self._best = {}
        try:
            with io.TextIOWrapper(opened(self._path), "utf-8", newline="") as file:
                rows = csv.DictReader(file, strict=True)
                columns = set(rows.fieldnames or ())
                if columns not in (set(_TRADES), set(_QUOTES)):
                    raise FeedError(
                        f"{self._path}: line 1: found the columns {', '.join(rows.fieldnames or ()) or '(none)'}, "
                        f"expected {','.join(_TRADES)} or {','.join(_QUOTES)}"
                    )
                read = _trade if columns == set(_TRADES) else self._quote
                for number, row in enumerate(rows, 1):
                    try:
                        if None in row or None in row.values():
                            raise ValueError(f"found {len(row)} fields or another number, expected {len(columns)}")
                        yield read(number, row)
                    except ValueError as error:
                        raise FeedError(f"{self._path}: line {rows.line_num}: {error}") from None
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
            raise FeedError(f"{self._path}: {error}; expected a CSV file in UTF-8") from None

    def _quote(self, number: int, row: Mapping[str, str]) -> Change:
        symbol = check_symbol(row["symbol"])
        self._best[symbol] = (_level(row, "bid"), _level(row, "ask"))
        return Change(_moment(row["ts"]), number, symbol)

    def depth(self, symbol: str, levels: int) -> tuple[Levels, Levels]:
        """Return the best prices."""
        return self._best.get(symbol, ((), ()))


def _trade(number: int, row: Mapping[str, str]) -> Change:
    side = row["side"]
    if side not in ("buy", "sell"):
        raise ValueError(f"side: found {side!r}, expected buy or sell")
    traded = Traded("buy" if side == "buy" else "sell", _positive(row, "price"), _positive(row, "quantity"))
    return Change(_moment(row["ts"]), number, check_symbol(row["symbol"]), (traded,), touched=False)


def _level(row: Mapping[str, str], side: str) -> Levels:
    if not row[side] and not row[f"{side}_quantity"]:
        return ()
    return ((_positive(row, side), _positive(row, f"{side}_quantity")),)


def _positive(row: Mapping[str, str], field: str) -> float:
    try:
        value = float(row[field])
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"{field}: found {row[field]!r}, expected a number greater than zero")
    return value


def _moment(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"ts: found {text!r}, expected nanoseconds since 1970 or ISO 8601") from None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
