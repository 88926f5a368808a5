"""Books: the newest ones into the cache, and how they looked over time into ClickHouse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from prometheus_client import Counter

from cift.core.cache import Cache
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.messages import BookUpdate
from cift.core.nats_manager import NatsManager
from cift.core.recording.insisting import AWAY, LAG, RETRIES, ROWS, beside, finish, insist
from cift.core.serialization import MessageError, decode_market_data
from cift.core.stream_reader import Stored, StreamReader
from cift.core.streams import MARKET_DATA

log = logging.getLogger("recorder")

BATCH = 10_000
REFRESH_S = 5.0

BOOKS = Counter("cift_recorder_books", "Books put into the cache")


class BookTap:
    """The newest book of every symbol into the cache; all of them again now and then, should it have forgotten.

    Every `history_s` seconds (0: never) those that changed go into order_book_snapshots. Between two of them, and while
    ClickHouse is away, books are not kept: they are many, and the events tell how each came to be.
    """

    def __init__(self, nats: NatsManager, cache: Cache, clickhouse: ClickHouseManager, *, history_s: float) -> None:
        self._nats, self._cache, self._clickhouse, self._history_s = nats, cache, clickhouse, history_s
        self._books: dict[str, BookUpdate] = {}
        self._changed: dict[str, BookUpdate] = {}
        self._writing = asyncio.Lock()  # or a repetition, on a connection of its own, could undo a newer book
        self._reader: StreamReader | None = None

    @property
    def lag(self) -> int | None:
        """Return how many books are not in the cache yet, as far as heard; None before the first question."""
        return None if self._reader is None else self._reader.lag

    async def run(self, stop: asyncio.Event) -> None:
        """Begin with the last book of each symbol that the stream keeps, go on until `stop`."""
        history = (self._keep_history(),) if self._history_s else ()
        await beside(self._read(stop), self._refresh(), *history)

    async def _read(self, stop: asyncio.Event) -> None:
        self._reader = StreamReader(self._nats, MARKET_DATA.name, subject="market.book.>", newest=True)
        async with self._reader as reader:
            watch = asyncio.create_task(finish(reader, stop))
            while batch := await reader.next(BATCH):
                await self._put(batch)
                LAG.labels("books").set(reader.lag)
            watch.cancel()

    async def _put(self, batch: Sequence[Stored]) -> None:
        fresh: dict[str, BookUpdate] = {}
        for stored in batch:
            try:
                book = decode_market_data(stored.data)
            except MessageError as error:
                log.error("books: message %d is left out: %s", stored.seq, error)
                continue
            if isinstance(book, BookUpdate) and book.seq >= self._sequence(book.symbol):
                fresh[book.symbol] = self._books[book.symbol] = book
        if fresh:
            self._changed |= fresh
            async with self._writing:
                await insist("cache", lambda: self._cache.set_books(fresh.values()))
            BOOKS.inc(len(fresh))

    def _sequence(self, symbol: str) -> int:
        known = self._books.get(symbol)
        return known.seq if known else 0

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            async with self._writing:
                await insist("cache", lambda: self._cache.set_books(list(self._books.values())))

    async def _keep_history(self) -> None:
        while True:
            await asyncio.sleep(self._history_s)
            # The first book of an instrument has no time: nothing happened in it yet.
            changed, self._changed = [book for book in self._changed.values() if book.ts > 0], {}
            if not changed:
                continue
            try:
                await self._clickhouse.insert_order_book_snapshots([_row(book) for book in changed])
                ROWS.labels("order_book_snapshots").inc(len(changed))
            except AWAY as error:
                RETRIES.labels("clickhouse").inc()
                log.warning("order_book_snapshots: %d books are left out: %s", len(changed), error)


def _row(book: BookUpdate) -> dict[str, Any]:
    sides = {"bid": book.bids, "ask": book.asks}
    row: dict[str, Any] = {"ts": book.ts, "symbol": book.symbol, "seq": book.seq}
    for side, levels in sides.items():
        row[f"{side}_prices"] = [price for price, _ in levels]
        row[f"{side}_quantities"] = [quantity for _, quantity in levels]
    return row
