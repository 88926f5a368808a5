"""The recorder: fills and trades into ClickHouse, books into the cache, and if wanted both into QuestDB.

Its taps run apart, so that one store that is away holds up nothing else. What a table has says where to go on: each row
carries its stream sequence. A batch is one insert, repeated until the store says that it has it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from nats.aio.msg import Msg

from cift.core import tracing
from cift.core.cache import Cache
from cift.core.clickhouse.orders import order_events
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.config import Settings
from cift.core.lease import SLOW, Lease, LeaseLostError, acquired, this_process
from cift.core.messages import BookUpdate, Fill, ServiceStatus, Trade, status_subject
from cift.core.nats_manager import NatsManager
from cift.core.notify import ready
from cift.core.positions import Accounts
from cift.core.questdb import QuestDB
from cift.core.recording.books import BookTap
from cift.core.recording.insisting import LAG, ROWS, beside, finish, insist
from cift.core.runtime import ServiceError, run
from cift.core.serialization import MessageError, decode_event, decode_market_data, encode
from cift.core.stream_reader import Stored, StreamReader
from cift.core.streams import EVENTS, MARKET_DATA

log = logging.getLogger("recorder")

METRICS_PORT = 8002
BATCH = 10_000
GATHER_S = 0.02
# The longest that a batch is held back while there is more to read.
BEHIND_S = 0.5
# A minute is over when no fill of it came for so long.
QUIET_S = 2.0
DAY_NS = 86_400 * 10**9

Row = dict[str, Any]
# Returns while no other recorder can be at work.
Sure = Callable[[], Awaitable[None]]


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
            watch = asyncio.create_task(finish(reader, stop))
            while batch := await reader.next(BATCH):
                await _gather(reader, batch, stop)
                rows = self._rows(batch)
                with tracing.batch(f"insert {self._table}", "client", (each.trace for each in batch)):
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


async def _gather(reader: StreamReader, batch: list[Stored], stop: asyncio.Event) -> None:
    """Add to a batch what else is there, up to `BATCH`: fewer, larger inserts."""
    if len(batch) < BATCH and not reader.waiting and not stop.is_set():
        await asyncio.sleep(GATHER_S)  # a burst is under way
        batch += reader.take(BATCH - len(batch))
    with suppress(TimeoutError):
        async with asyncio.timeout(BEHIND_S):
            while len(batch) < BATCH and reader.waiting and not stop.is_set():
                batch += await reader.next(BATCH - len(batch))


class HistoryTap(TableTap):
    """Into a table of ClickHouse."""

    store = "clickhouse"

    def __init__(
        self,
        nats: NatsManager,
        clickhouse: ClickHouseManager,
        sure: Sure,
        *,
        stream: str,
        subject: str,
        table: str,
        to_rows: Callable[[Stored], list[Row]],
    ) -> None:
        super().__init__(nats, stream=stream, subject=subject, table=table, to_rows=to_rows)
        self._clickhouse, self._sure = clickhouse, sure

    async def _last(self) -> int:
        await self._clickhouse.connect()
        return await self._clickhouse.last_stream_seq(self._table)

    async def _store(self, rows: list[Row]) -> None:
        # An insert is atomic within one partition only, so each has the rows of one day, in their order.
        for _, group in itertools.groupby(rows, key=lambda row: row["ts"] // DAY_NS):
            await insist(self.store, _Insert(self._clickhouse, self._sure, self._stream, self._table, list(group)))


class PositionTap(HistoryTap):
    """Positions after every fill, and accounts after every minute in which they traded."""

    def __init__(self, nats: NatsManager, clickhouse: ClickHouseManager, sure: Sure, accounts: Accounts) -> None:
        super().__init__(
            nats,
            clickhouse,
            sure,
            stream=EVENTS.name,
            subject="",
            table="position_history_analytics",
            to_rows=lambda _: [],
        )
        self._accounts = accounts
        self._snapshots: list[Row] = []

    async def _last(self) -> int:
        last = await super()._last()
        self._accounts.load((await self._clickhouse.get_last_positions()).iter_rows(named=True))
        return last

    def _rows(self, batch: Sequence[Stored]) -> list[Row]:
        rows = []
        for stored in batch:
            try:
                event = decode_event(stored.data)
            except MessageError as error:
                log.error("%s: message %d of %s is left out: %s", self._table, stored.seq, self._stream, error)
                continue
            if isinstance(event, Fill):
                self._snapshots += self._accounts.ended(event.ts)
                rows += self._accounts.apply(event, stored.seq)
        return rows

    async def _store(self, rows: list[Row]) -> None:
        # First: where a crash comes between, the same fills tell of the same minute's end again.
        await self._store_snapshots()
        await super()._store(rows)

    async def _store_snapshots(self) -> None:
        snapshots, self._snapshots = self._snapshots, []
        if snapshots:
            await insist(self.store, lambda: self._clickhouse.insert_account_snapshots(snapshots))
            ROWS.labels("account_snapshots").inc(len(snapshots))

    async def run(self, stop: asyncio.Event) -> None:
        """As for every table; and tell of a minute's end also when no fill follows it."""
        await beside(super().run(stop), self._end_minutes())

    async def _end_minutes(self) -> None:
        while True:
            await asyncio.sleep(QUIET_S)
            self._snapshots += self._accounts.ended(time.time_ns() - int(QUIET_S * 1e9))
            await self._store_snapshots()


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

    def __init__(self, clickhouse: ClickHouseManager, sure: Sure, stream: str, table: str, rows: list[Row]) -> None:
        self._clickhouse, self._sure, self._table, self._rows = clickhouse, sure, table, rows
        self._token = f"{stream} {rows[0]['stream_seq']}-{rows[-1]['stream_seq']}"
        self._attempts = 0

    async def __call__(self) -> None:
        """Store the rows once, whatever became of earlier attempts.

        After a failure the rows may be there already, or an insert given up may still be at work: ClickHouse is asked,
        and the token lets it drop a repetition. Had it crashed between noting the token and adding the rows, it would
        drop the only copy: so it is asked once more, and a new token helps.
        """
        await self._sure()
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
            "position_history_analytics": self._clickhouse.insert_position_history,
            "ticks_analytics": self._clickhouse.insert_ticks,
        }
        await into[self._table](self._rows, token=self._token)


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Connect to NATS and run the taps until `stop`; the stores may come later."""
    clickhouse = ClickHouseManager(settings)
    async with (
        NatsManager(settings, name="cift-recorder") as nats,
        Cache(settings) as cache,
        AsyncExitStack() as stores,
    ):
        lease = Lease(nats, "recorder", this_process(), **SLOW)
        executions = HistoryTap(
            nats, clickhouse, lease.sure, stream=EVENTS.name, subject="", table="trade_executions", to_rows=execution
        )
        orders = HistoryTap(
            nats, clickhouse, lease.sure, stream=EVENTS.name, subject="", table="order_events", to_rows=order_history
        )
        ticks = HistoryTap(
            nats,
            clickhouse,
            lease.sure,
            stream=MARKET_DATA.name,
            subject="market.trades.>",
            table="ticks_analytics",
            to_rows=tick,
        )
        accounts = Accounts(
            value=settings.risk_account_value,
            max_leverage=settings.risk_max_leverage,
            currency=settings.account_currency,
        )
        positions = PositionTap(nats, clickhouse, lease.sure, accounts)
        books = BookTap(nats, cache, clickhouse, history_s=settings.recorder_book_s)
        taps = (executions, orders, ticks, positions, books)
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

        every: list[TableTap | BookTap] = [*taps, *intraday]
        async with lease:
            ready("standing by")
            log.info("standing by")
            try:
                if await acquired(lease, stop):
                    await nats.subscribe(status_subject("recorder"), answer)
                    ready("recording")
                    log.info("ready")
                    await _record(every, lease, stop)
            finally:
                await clickhouse.close()
        log.info("stopped")


async def _record(taps: Sequence[TableTap | BookTap], lease: Lease, stop: asyncio.Event) -> None:
    """Run the taps while the lease is ours: two recorders would store each row twice until ClickHouse merges them."""
    ending = asyncio.Event()
    watching = [asyncio.create_task(_pass_on(reason, ending)) for reason in (stop, lease.lost)]
    try:
        await _until_stopped([asyncio.create_task(tap.run(ending)) for tap in taps], ending)
    except LeaseLostError:
        pass
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    if lease.lost.is_set():
        raise ServiceError("another recorder has taken over; this one stands by when it is started again")


async def _pass_on(reason: asyncio.Event, ending: asyncio.Event) -> None:
    await reason.wait()
    ending.set()


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
