"""A stream into its tables of ClickHouse: read once, decoded by the core, every message's rows once in each table.

What a table has says where it goes on: each row carries its stream sequence. Reading begins where the table goes on
that is furthest behind; the others leave out what they have. While a batch is being stored, the next one is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from cift_core.recording import record_events, record_trades

from cift.core import tracing
from cift.core.clickhouse import rows as schemas
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.ending import end
from cift.core.nats_manager import NatsManager
from cift.core.recording.accounts import Accounts
from cift.core.recording.batches import batches
from cift.core.recording.columns import to_table
from cift.core.recording.inserting import Insert, Sure, by_day
from cift.core.recording.insisting import LAG, ROWS, beside, insist
from cift.core.shards import Shard
from cift.core.stream_reader import Stored, StreamReader
from cift.core.streams import MARKET_DATA

log = logging.getLogger("recorder")

# A minute is over when no fill of it came for so long.
QUIET_S = 2.0
STORE = "clickhouse"


class HistoryTap(ABC):
    """One stream into the tables that its messages make rows of."""

    stream: str
    subject: str
    suffix = ""
    """What the metrics' name for it has behind a table's, if several streams feed that."""
    tables: Mapping[str, pa.Schema]

    def __init__(self, nats: NatsManager, clickhouse: ClickHouseManager, sure: Sure) -> None:
        self._nats, self._clickhouse, self._sure = nats, clickhouse, sure
        self._last = dict.fromkeys(self.tables, 0)
        # What numbers the rows have of this stream, if others feed the tables as well.
        self._within: range | None = None
        self._reader: StreamReader | None = None
        self._in_hand = 0
        self.position = 0

    @property
    def lag(self) -> int | None:
        """Return how many messages are not stored yet, as far as heard; None until ClickHouse says where to go on."""
        return None if self._reader is None else self._reader.lag + self._in_hand

    @abstractmethod
    def _decode(self, batch: list[Stored]) -> Mapping[str, pa.Table]:
        """Return the rows of each table; runs on a thread."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on after the last row stored, until `stop`; what was read by then is stored first."""
        await insist(STORE, self._find)
        self.position = min(self._last.values())
        log.info("%s: going on after message %d for %s", self.stream, self.position, ", ".join(self.tables))
        self._reader = StreamReader(self._nats, self.stream, start=self.position + 1, subject=self.subject)
        storing: asyncio.Task[None] | None = None
        async with self._reader as reader:
            try:
                async for batch in batches(reader, stop, pace_s=self._nats.settings.recorder_pace_s):
                    self._in_hand += len(batch)
                    rows = await asyncio.to_thread(self._decode, batch)
                    if storing is not None:
                        await storing
                    storing = asyncio.create_task(self._store(batch, rows))
                    storing.add_done_callback(partial(_finish_if_failed, reader))
                if storing is not None:
                    await storing
            finally:
                if storing is not None:
                    await end(storing)

    async def _find(self) -> None:
        await self._clickhouse.connect()
        for table in self.tables:
            self._last[table] = await self._clickhouse.last_stream_seq(table, self._within) - self._base

    @property
    def _base(self) -> int:
        """What is added to a message's sequence in its stream to number its rows."""
        return self._within[0] if self._within else 0

    def _rows(self, table: str, columns: Mapping[str, Any]) -> pa.Table:
        """Return what the core decoded for a table, without what it has."""
        rows, last = to_table(columns, self.tables[table]), self._last[table]
        if rows.num_rows and rows["stream_seq"][0].as_py() <= last:
            rows = rows.filter(pc.greater(rows["stream_seq"], pa.scalar(last, pa.uint64())))
        if self._base:
            at = rows.schema.get_field_index("stream_seq")
            rows = rows.set_column(at, "stream_seq", pc.add(rows["stream_seq"], pa.scalar(self._base, pa.uint64())))
        return rows

    def _tell(self, left_out: Sequence[tuple[int, str]]) -> None:
        for seq, problem in left_out:
            log.error("message %d of %s is left out: %s", seq, self.stream, problem)

    async def _store(self, batch: Sequence[Stored], rows: Mapping[str, pa.Table]) -> None:
        """Return when ClickHouse has the rows of a batch: those of each table in their order."""
        traces = [each.trace for each in batch if each.trace]
        await asyncio.gather(*(self._traced(table, rows[table], traces) for table in rows))
        self._in_hand -= len(batch)
        self.position = batch[-1].seq
        for table in self.tables:
            LAG.labels(table + self.suffix).set(self.lag or 0)

    async def _traced(self, table: str, rows: pa.Table, traces: Sequence[str]) -> None:
        with tracing.batch(f"insert {table}", "client", traces):
            await self._insert(table, rows)

    async def _insert(self, table: str, rows: pa.Table) -> None:
        for each in by_day(rows):
            await insist(STORE, Insert(self._clickhouse, self._sure, self.stream, table, each, self._within))
            ROWS.labels(table).inc(each.num_rows)


def _finish_if_failed(reader: StreamReader, storing: asyncio.Task[None]) -> None:
    """Have a failure raised at once, and not when there is something to read again."""
    if not storing.cancelled() and storing.exception() is not None:
        reader.finish()


class TradeTap(HistoryTap):
    """Trades, from which the bars follow."""

    stream, subject = MARKET_DATA.name, "market.trades.>"
    tables = {"ticks_analytics": schemas.TICKS}  # noqa: RUF012 (never changed)

    def _decode(self, batch: list[Stored]) -> Mapping[str, pa.Table]:
        ticks, left_out = record_trades(batch)
        self._tell(left_out)
        return {"ticks_analytics": self._rows("ticks_analytics", ticks)}


class EventTap(HistoryTap):
    """Executions, what happened to orders, positions after every fill, accounts after minutes in which they traded.

    Of each shard's events there is one; an account's positions may be of several shards, an instrument's are of one.
    """

    subject = ""
    tables = {  # noqa: RUF012 (never changed)
        "trade_executions": schemas.EXECUTIONS,
        "order_events": schemas.ORDER_EVENTS,
        "position_history_analytics": schemas.POSITIONS,
    }

    def __init__(
        self, nats: NatsManager, clickhouse: ClickHouseManager, sure: Sure, accounts: Accounts, shard: Shard
    ) -> None:
        super().__init__(nats, clickhouse, sure)
        self.stream, self.suffix = shard.stream, shard.suffix
        self._within = shard.numbers if shard.count > 1 else None
        self._numbers, self._accounts = shard.numbers, accounts
        self._snapshots: list[dict[str, Any]] = []
        self._one_at_a_time = asyncio.Lock()

    async def _find(self) -> None:
        await super()._find()
        # Where the positions go on is what they were loaded from: an insert given up may end between two questions.
        await self._accounts.load_once(self._clickhouse.get_last_positions)
        self._last["position_history_analytics"] = self._accounts.last_within(self._numbers) - self._base

    def _decode(self, batch: list[Stored]) -> Mapping[str, pa.Table]:
        after = self._last["position_history_analytics"]
        *tables, told, left_out = record_events(batch, self._accounts.positions, after)
        self._snapshots.extend(self._accounts.rows(told))
        self._tell(left_out)
        return {name: self._rows(name, columns) for name, columns in zip(self.tables, tables, strict=True)}

    async def _insert(self, table: str, rows: pa.Table) -> None:
        if table == "position_history_analytics":
            # First: where a crash comes between, the same fills tell of the same minute's end again.
            await self._store_snapshots()
        await super()._insert(table, rows)

    async def _store_snapshots(self) -> None:
        async with self._one_at_a_time:
            if snapshots := self._snapshots[:]:  # a thread may add to them meanwhile
                await insist(STORE, lambda: self._clickhouse.insert_account_snapshots(snapshots))
                del self._snapshots[: len(snapshots)]
                ROWS.labels("account_snapshots").inc(len(snapshots))

    async def run(self, stop: asyncio.Event) -> None:
        """As for every stream; and tell of a minute's end also when no fill follows it."""
        await beside(super().run(stop), self._end_minutes())

    async def _end_minutes(self) -> None:
        while True:
            await asyncio.sleep(QUIET_S)
            self._snapshots.extend(self._accounts.ended(time.time_ns() - int(QUIET_S * 1e9)))
            await self._store_snapshots()
