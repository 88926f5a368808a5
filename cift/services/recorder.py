"""The recorder: fills and trades into ClickHouse, books into the cache, and if wanted both into QuestDB.

Its taps run apart, so that one store that is away holds up nothing else. What a table has says where to go on: each row
carries its stream sequence. A batch is one insert, repeated until the store says that it has it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from nats.aio.msg import Msg
from prometheus_client import Counter, Gauge

from cift.core.cache import Cache, CacheUnavailableError
from cift.core.clickhouse.orders import order_events
from cift.core.clickhouse_manager import ClickHouseError, ClickHouseManager, ClickHouseUnavailableError
from cift.core.config import Settings
from cift.core.messages import BookUpdate, Fill, ServiceStatus, Trade, status_subject
from cift.core.nats_manager import NatsManager
from cift.core.notify import ready
from cift.core.questdb import QuestDB, QuestDBRefusedError, QuestDBUnavailableError
from cift.core.runtime import run
from cift.core.serialization import MessageError, decode_event, decode_market_data, encode
from cift.core.stream_reader import Stored, StreamReader
from cift.core.streams import EVENTS, MARKET_DATA

log = logging.getLogger("recorder")

METRICS_PORT = 8002
BATCH = 10_000
GATHER_S = 0.02
REFRESH_S = 5.0
BACKOFF_S = (0.1, 5.0)
DAY_NS = 86_400 * 10**9

ROWS = Counter("cift_recorder_rows", "Rows stored", ["table"])
BOOKS = Counter("cift_recorder_books", "Books put into the cache")
RETRIES = Counter("cift_recorder_retries", "Attempts that failed", ["store"])
LAG = Gauge("cift_recorder_lag", "Messages behind the stream", ["tap"])

_AWAY = (
    ClickHouseError,
    ClickHouseUnavailableError,
    QuestDBRefusedError,
    QuestDBUnavailableError,
    CacheUnavailableError,
)

Row = dict[str, Any]


async def insist(store: str, attempt: Callable[[], Awaitable[None]]) -> None:
    """Repeat `attempt` until it succeeds, waiting longer after each failure; only cancelling ends it otherwise."""
    wait, longest = BACKOFF_S
    while True:
        try:
            await attempt()
            return
        except _AWAY as error:
            RETRIES.labels(store).inc()
            log.warning("%s: %s; trying again in %.1f s", store, error, wait)
        await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 (jitter, no secret)
        wait = min(longest, wait * 2)


def execution(stored: Stored) -> list[Row]:
    """Return the row of trade_executions for an event; none for one that is no fill."""
    event = decode_event(stored.data)
    if not isinstance(event, Fill):
        return []
    row = {
        "stream_seq": stored.seq,
        "command_seq": event.seq,
        "pos": event.pos,
        "ts": event.ts,
        "symbol": event.symbol,
        "side": event.side,
        "price": event.price,
        "quantity": event.quantity,
        "taker_order_id": event.order_id,
        "taker_user_id": event.user_id,
        "maker_order_id": event.maker_order_id,
        "maker_user_id": event.maker_user_id,
    }
    return [row]


def order_history(stored: Stored) -> list[Row]:
    """Return the rows of order_events for an event."""
    return order_events(decode_event(stored.data), stored.seq)


def tick(stored: Stored) -> list[Row]:
    """Return the row of ticks_analytics for a trade."""
    trade = decode_market_data(stored.data)
    if not isinstance(trade, Trade):
        return []
    row = {
        "ts": trade.ts,
        "symbol": trade.symbol,
        "price": trade.price,
        "quantity": trade.quantity,
        "side": trade.side,
        "seq": trade.seq,
        "pos": trade.pos,
        "stream_seq": stored.seq,
    }
    return [row]


def top(stored: Stored) -> list[Row]:
    """Return the row of book_top for a book; an empty side has no price."""
    book = decode_market_data(stored.data)
    if not isinstance(book, BookUpdate):
        return []
    nothing = (None, None)
    bid_price, bid_quantity = book.bids[0] if book.bids else nothing
    ask_price, ask_quantity = book.asks[0] if book.asks else nothing
    row = {
        "ts": book.ts,
        "symbol": book.symbol,
        "bid_price": bid_price,
        "bid_quantity": bid_quantity,
        "ask_price": ask_price,
        "ask_quantity": ask_quantity,
        "seq": book.seq,
        "stream_seq": stored.seq,
    }
    return [row]


class TableTap(ABC):
    """One stream into one table, every message's rows once."""

    store: str

    def __init__(
        self, nats: NatsManager, *, stream: str, subject: str, table: str, to_rows: Callable[[Stored], list[Row]]
    ) -> None:
        self._nats = nats
        self._stream, self._subject, self._table, self._to_rows = stream, subject, table, to_rows
        self.reader: StreamReader | None = None

    @abstractmethod
    async def _last(self) -> int:
        """Return the stream sequence of the table's last row; 0 without any."""

    @abstractmethod
    async def _store(self, rows: list[Row]) -> None:
        """Return when the store has the rows."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on after the last row stored, until `stop`; what was read by then is stored first."""
        stored_last = 0

        async def find() -> None:
            nonlocal stored_last
            stored_last = await self._last()

        await insist(self.store, find)
        log.info("%s: going on after message %d of %s", self._table, stored_last, self._stream)
        self.reader = StreamReader(self._nats, self._stream, start=stored_last + 1, subject=self._subject)
        async with self.reader as reader:
            watch = asyncio.create_task(_finish(reader, stop))
            while batch := await reader.next(BATCH):
                if len(batch) < BATCH and not stop.is_set():
                    await asyncio.sleep(GATHER_S)  # a burst is under way: fewer, larger inserts
                    batch += reader.take(BATCH - len(batch))
                rows = self._rows(batch)
                await self._store(rows)
                ROWS.labels(self._table).inc(len(rows))
                LAG.labels(self._table).set(reader.lag)
            watch.cancel()

    def _rows(self, batch: Sequence[Stored]) -> list[Row]:
        rows: list[Row] = []
        for stored in batch:
            try:
                rows += self._to_rows(stored)
            except MessageError as error:
                log.error("%s: message %d of %s is left out: %s", self._table, stored.seq, self._stream, error)
        return rows


class HistoryTap(TableTap):
    """Into a table of ClickHouse."""

    store = "clickhouse"

    def __init__(
        self,
        nats: NatsManager,
        clickhouse: ClickHouseManager,
        *,
        stream: str,
        subject: str,
        table: str,
        to_rows: Callable[[Stored], list[Row]],
    ) -> None:
        super().__init__(nats, stream=stream, subject=subject, table=table, to_rows=to_rows)
        self._clickhouse = clickhouse

    async def _last(self) -> int:
        await self._clickhouse.connect()
        return await self._clickhouse.last_stream_seq(self._table)

    async def _store(self, rows: list[Row]) -> None:
        # An insert is atomic within one partition only, so each has the rows of one day, in their order.
        for _, group in itertools.groupby(rows, key=lambda row: row["ts"] // DAY_NS):
            await insist(self.store, _Insert(self._clickhouse, self._stream, self._table, list(group)))


class IntradayTap(TableTap):
    """Into a table of QuestDB, whose keys make a repeated row one row."""

    store = "questdb"

    def __init__(
        self, nats: NatsManager, questdb: QuestDB, *, subject: str, table: str, to_rows: Callable[[Stored], list[Row]]
    ) -> None:
        super().__init__(nats, stream=MARKET_DATA.name, subject=subject, table=table, to_rows=to_rows)
        self._questdb = questdb

    async def _last(self) -> int:
        return await self._questdb.last_stream_seq(self._table)

    async def _store(self, rows: list[Row]) -> None:
        # The first book of an instrument has no time yet: nothing happened in it, and it is of no day.
        timed = [row for row in rows if row["ts"] > 0]
        await insist(self.store, lambda: self._questdb.insert(self._table, timed))


class _Insert:
    """One batch on its way into its table; every call is another attempt at the same."""

    def __init__(self, clickhouse: ClickHouseManager, stream: str, table: str, rows: list[Row]) -> None:
        self._clickhouse, self._table, self._rows = clickhouse, table, rows
        self._token = f"{stream} {rows[0]['stream_seq']}-{rows[-1]['stream_seq']}"
        self._attempts = 0

    async def __call__(self) -> None:
        """Store the rows once, whatever became of earlier attempts.

        After a failure the rows may be there already, or an insert given up may still be at work: ClickHouse is asked,
        and the token lets it drop a repetition. Had it crashed between noting the token and adding the rows, it would
        drop the only copy: so it is asked once more, and a new token helps.
        """
        self._attempts += 1
        if self._attempts == 1:
            await self._insert()
            return
        await self._clickhouse.connect()
        if await self._there():
            return
        await self._insert()
        if not await self._there():
            self._token += " anew"
            await self._insert()

    async def _there(self) -> bool:
        return await self._clickhouse.last_stream_seq(self._table) >= int(self._rows[-1]["stream_seq"])

    async def _insert(self) -> None:
        into = {
            "trade_executions": self._clickhouse.insert_executions,
            "order_events": self._clickhouse.insert_order_events,
            "ticks_analytics": self._clickhouse.insert_ticks,
        }
        await into[self._table](self._rows, token=self._token)


class BookTap:
    """The newest book of every symbol into the cache; all of them again now and then, should it have forgotten."""

    def __init__(self, nats: NatsManager, cache: Cache) -> None:
        self._nats, self._cache = nats, cache
        self._books: dict[str, BookUpdate] = {}
        self.reader: StreamReader | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Begin with the last book of each symbol that the stream keeps, go on until `stop`."""
        self.reader = StreamReader(self._nats, MARKET_DATA.name, subject="market.book.>", newest=True)
        async with self.reader as reader:
            watch = asyncio.create_task(_finish(reader, stop))
            refresh = asyncio.create_task(self._refresh())
            while batch := await reader.next(BATCH):
                await self._put(batch)
                LAG.labels("books").set(reader.lag)
            for task in (watch, refresh):
                task.cancel()

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
            await insist("cache", lambda: self._cache.set_books(fresh.values()))
            BOOKS.inc(len(fresh))

    def _sequence(self, symbol: str) -> int:
        known = self._books.get(symbol)
        return known.seq if known else 0

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            await insist("cache", lambda: self._cache.set_books(list(self._books.values())))


async def _finish(reader: StreamReader, stop: asyncio.Event) -> None:
    await stop.wait()
    reader.finish()


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Connect to NATS and run the taps until `stop`; the stores may come later."""
    clickhouse = ClickHouseManager(settings)
    async with (
        NatsManager(settings, name="cift-recorder") as nats,
        Cache(settings) as cache,
        AsyncExitStack() as stores,
    ):
        executions = HistoryTap(
            nats, clickhouse, stream=EVENTS.name, subject="", table="trade_executions", to_rows=execution
        )
        orders = HistoryTap(
            nats, clickhouse, stream=EVENTS.name, subject="", table="order_events", to_rows=order_history
        )
        ticks = HistoryTap(
            nats, clickhouse, stream=MARKET_DATA.name, subject="market.trades.>", table="ticks_analytics", to_rows=tick
        )
        books = BookTap(nats, cache)
        taps = (executions, orders, ticks, books)
        intraday: list[IntradayTap] = []
        if settings.questdb_enabled:
            for table, subject, to_rows in (("trades", "market.trades.>", tick), ("book_top", "market.book.>", top)):
                questdb = await stores.enter_async_context(
                    QuestDB(settings)
                )  # a connection each: they run side by side
                intraday.append(IntradayTap(nats, questdb, subject=subject, table=table, to_rows=to_rows))

        async def answer(message: Msg) -> None:
            # QuestDB is an extra: the stack is well without it. Metrics and the log say how far it is behind.
            readers = [tap.reader for tap in taps if tap.reader is not None]
            position = executions.reader.position if executions.reader else 0
            detail = "" if len(readers) == len(taps) else "waiting for ClickHouse"
            status = ServiceStatus(
                service="recorder", position=position, lag=sum(reader.lag for reader in readers), detail=detail
            )
            await message.respond(encode(status))

        await nats.subscribe(status_subject("recorder"), answer)
        every: list[TableTap | BookTap] = [*taps, *intraday]
        tasks = [asyncio.create_task(tap.run(stop)) for tap in every]
        ready("recording")
        log.info("ready")
        try:
            await _until_stopped(tasks, stop)
        finally:
            await clickhouse.close()
        log.info("stopped")


async def _until_stopped(tasks: list[asyncio.Task[None]], stop: asyncio.Event, grace_s: float = 10.0) -> None:
    """Wait for `stop`, then up to `grace_s` seconds for the taps to store what they hold; a tap's failure is raised.

    What is not stored by then is read again at the next start.
    """
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    stop.set()
    await asyncio.wait(tasks, timeout=grace_s)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


if __name__ == "__main__":
    sys.exit(run("recorder", "The recorder: fills and trades into tables, books into the cache.", METRICS_PORT, work))
