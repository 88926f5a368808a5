"""Analytics in ClickHouse: what was stored and what follows from it as polars frames, inserts that may be repeated.

ch = await get_clickhouse_manager()
df = await ch.get_bars("AAPL", "1m", start_time, end_time)
await close_clickhouse_manager()
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import polars as pl

from cift.core.clickhouse.analytics import Analytics
from cift.core.clickhouse.bars import INTERVALS
from cift.core.clickhouse.connection import ClickHouseError, ClickHouseUnavailableError, Connection, Params
from cift.core.clickhouse.history import History
from cift.core.clickhouse.inserts import Inserts
from cift.core.clickhouse.rows import Rows, to_arrow
from cift.core.config import Settings, get_settings

__all__ = [
    "INTERVALS",
    "ClickHouseError",
    "ClickHouseManager",
    "ClickHouseUnavailableError",
    "close_clickhouse_manager",
    "get_clickhouse_manager",
]

_SEQUENCED = ("trade_executions", "ticks_analytics", "position_history_analytics", "order_events")


class ClickHouseManager(History, Analytics, Inserts):
    """One connection to the analytics database with a clear life: `connect`, `close`, or `async with`.

    What it can be asked is in its bases: stored rows in `History`, computed ones in `Analytics`, inserts in `Inserts`.

    Every call raises ClickHouseUnavailableError when nobody answers and ClickHouseError, with ClickHouse's code, when
    it refuses; ValueError names the argument that can't be right before anything is sent.
    """

    def __init__(self, settings: Settings | None = None, *, threads: int = 4, timeout_s: float = 30.0) -> None:
        self.settings = settings or get_settings()
        self._connection = Connection(
            self.settings, database=self.settings.clickhouse_db, threads=threads, timeout_s=timeout_s
        )

    async def connect(self) -> ClickHouseManager:
        """Sign in; a lost connection later comes back by itself with the next call."""
        await self._connection.open()
        return self

    async def close(self) -> None:
        """Close the sockets; `connect` opens them again."""
        await self._connection.close()

    async def __aenter__(self) -> ClickHouseManager:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ping(self) -> float:
        """Return the seconds that the smallest query took."""
        return await self._connection.ping()

    async def query(self, sql: str, params: Params | None = None) -> pl.DataFrame:
        """Run any query; write values as `{name:Type}` and give them in `params`."""
        return await self._connection.query(sql, params)

    async def command(self, sql: str, params: Params | None = None) -> Any:
        """Run any statement and return its single value, if it has one."""
        return await self._connection.command(sql, params)

    async def last_stream_seq(self, table: str, within: range | None = None) -> int:
        """Return the greatest stream sequence stored in a table that a stream feeds; 0 when it is empty.

        Where several streams feed it, `within` are the sequences of one; its first when there is none of them.
        """
        if table not in _SEQUENCED:
            raise ValueError(f"table: found {table!r}, expected one of {', '.join(_SEQUENCED)}")
        if within is None:
            return int(await self.command(f"SELECT max(stream_seq) FROM {table}"))  # noqa: S608
        sql = f"SELECT max(stream_seq) FROM {table} WHERE stream_seq BETWEEN {{first:UInt64}} AND {{last:UInt64}}"  # noqa: S608
        return max(within[0], int(await self.command(sql, {"first": within[0], "last": within[-1]})))

    async def insert(self, table: str, rows: Rows, *, token: str | None = None) -> int:
        """Insert rows into any table, in one request, and return how many.

        With a `token` that names exactly these rows (say "EVENTS 17-42") the insert may be repeated when its outcome
        is unknown: the table and the views on it store it once. (Tables that streams feed also recognize the very
        same rows without one, among their last inserts.)
        """
        arrow = to_arrow(rows)
        return await self._connection.insert(table, arrow, token) if arrow.num_rows else 0


_manager: ClickHouseManager | None = None
_lock = asyncio.Lock()


async def get_clickhouse_manager() -> ClickHouseManager:
    """Return the process-wide manager, connected at the first call."""
    global _manager
    async with _lock:
        if _manager is None:
            _manager = await ClickHouseManager().connect()
        return _manager


async def close_clickhouse_manager() -> None:
    """Close the process-wide manager, if there is one."""
    global _manager
    async with _lock:
        if _manager is not None:
            await _manager.close()
            _manager = None
