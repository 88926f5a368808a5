"""Analytics in ClickHouse: bars, ticks and executions as polars frames, and inserts that can be repeated safely.

ch = await get_clickhouse_manager()
df = await ch.get_bars("AAPL", "1m", start, end)
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import polars as pl

from cift.core.clickhouse.bars import INTERVALS, Instant, bars_query, check_symbol, period
from cift.core.clickhouse.connection import ClickHouseError, ClickHouseUnavailableError, Connection, Params
from cift.core.clickhouse.orders import ORDER_EVENTS
from cift.core.clickhouse.rows import EXECUTIONS, TICKS, Rows, to_arrow
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


class ClickHouseManager:
    """One connection to the analytics database with a clear life: `connect`, `close`, or `async with`.

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

    async def get_bars(self, symbol: str, interval: str, start: Instant, end: Instant) -> pl.DataFrame:
        """Return the bars that begin in [start, end), oldest first; minutes without a trade have none.

        Columns: ts (Datetime ms UTC, start of the bar), symbol, open, high, low, close, volume, vwap (Float64) and
        trades (UInt64). `interval` is one of INTERVALS; moments are datetimes (UTC when naive) or nanoseconds.
        """
        query = bars_query(symbol, interval, start, end)
        return await self.query(query.sql, query.params)

    async def get_ticks(self, symbol: str, start: Instant, end: Instant, *, limit: int | None = None) -> pl.DataFrame:
        """Return trades of [start, end), oldest first, at most `limit`; columns as in ticks_analytics."""
        return await self._between("ticks_analytics", "", "ts, seq, pos", symbol, start, end, limit)

    async def get_executions(
        self, symbol: str, start: Instant, end: Instant, *, user_id: int | None = None, limit: int | None = None
    ) -> pl.DataFrame:
        """Return fills of [start, end), oldest first, each once; with `user_id` those where he took or made."""
        where = "" if user_id is None else "AND (taker_user_id = {user:UInt64} OR maker_user_id = {user:UInt64})"
        order = "ts, command_seq, pos"
        return await self._between("trade_executions FINAL", where, order, symbol, start, end, limit, user=user_id)

    async def _between(
        self,
        table: str,
        where: str,
        order: str,
        symbol: str,
        start: Instant,
        end: Instant,
        limit: int | None,
        **more: Any,
    ) -> pl.DataFrame:
        """Put a query together from names and conditions of this module alone; values are bound."""
        first, last = period(start, end)
        params = {"symbol": check_symbol(symbol), "first": first, "last": last, "limit": limit, **more}
        if limit is not None and limit < 1:
            raise ValueError(f"limit: found {limit}, expected at least 1")
        sql = (
            f"SELECT * REPLACE (toString(symbol) AS symbol, toString(side) AS side) FROM {table} "  # noqa: S608
            "WHERE symbol = {symbol:String} AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') "
            "AND ts < fromUnixTimestamp64Nano({last:Int64}, 'UTC') "
            f"{where} ORDER BY {order}" + (" LIMIT {limit:UInt64}" if limit is not None else "")
        )
        return await self.query(sql, {name: value for name, value in params.items() if value is not None})

    async def last_stream_seq(self, table: str) -> int:
        """Return the greatest stream sequence stored in a table that a stream feeds; 0 when it is empty."""
        if table not in _SEQUENCED:
            raise ValueError(f"table: found {table!r}, expected one of {', '.join(_SEQUENCED)}")
        return int(await self.command(f"SELECT max(stream_seq) FROM {table}"))  # noqa: S608

    async def insert(self, table: str, rows: Rows, *, token: str | None = None) -> int:
        """Insert rows into any table, in one request, and return how many.

        With a `token` that names exactly these rows (say "EVENTS 17-42") the insert may be repeated when its outcome
        is unknown: the table and the views on it store it once. (Tables that streams feed also recognize the very
        same rows without one, among their last inserts.)
        """
        arrow = to_arrow(rows)
        return await self._connection.insert(table, arrow, token) if arrow.num_rows else 0

    async def insert_executions(self, rows: Rows, *, token: str | None = None) -> int:
        """Insert fills; columns as in `cift.core.clickhouse.rows.EXECUTIONS`."""
        return await self.insert("trade_executions", to_arrow(rows, EXECUTIONS), token=token)

    async def insert_ticks(self, rows: Rows, *, token: str | None = None) -> int:
        """Insert trades, from which the bars follow; columns as in `cift.core.clickhouse.rows.TICKS`."""
        return await self.insert("ticks_analytics", to_arrow(rows, TICKS), token=token)

    async def insert_order_events(self, rows: Rows, *, token: str | None = None) -> int:
        """Insert events of orders; columns as in `cift.core.clickhouse.orders.ORDER_EVENTS`."""
        return await self.insert("order_events", to_arrow(rows, ORDER_EVENTS), token=token)


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
