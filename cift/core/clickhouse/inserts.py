"""Rows into each of the analytics tables: polars frames, Arrow tables or mappings, checked before anything is sent."""

from __future__ import annotations

from abc import ABC, abstractmethod

from cift.core.clickhouse import rows as columns
from cift.core.clickhouse.rows import Rows, in_halves, to_arrow


class Inserts(ABC):
    """Each call inserts whole rows, in one request, and returns how many.

        await ch.insert_ticks(pl.DataFrame({"ts": ..., "symbol": ..., ...}))

    Columns are those of `cift.core.clickhouse.rows`, in any order; `ts` may be a moment or nanoseconds since 1970. For
    `token` see `insert`; tables without one below store a row of the same key once. ValueError names a column that is
    missing, unknown, empty, or doesn't fit, and nothing is stored.
    """

    @abstractmethod
    async def insert(self, table: str, rows: Rows, *, token: str | None = None) -> int:
        """Insert rows into a table."""

    async def insert_executions(self, rows: Rows, *, token: str | None = None) -> int:
        """Insert fills (`rows.EXECUTIONS`, their positions whole as `get_executions` gives them)."""
        return await self.insert("trade_executions", in_halves(rows, columns.EXECUTIONS), token=token)

    async def insert_ticks(self, rows: Rows, *, token: str | None = None) -> int:
        """Insert trades (`rows.TICKS`, positions whole as from `get_ticks`), from which the bars follow."""
        return await self.insert("ticks_analytics", in_halves(rows, columns.TICKS), token=token)

    async def insert_order_events(self, rows: Rows, *, token: str | None = None) -> int:
        """Insert events of orders (`rows.ORDER_EVENTS`)."""
        return await self.insert("order_events", to_arrow(rows, columns.ORDER_EVENTS), token=token)

    async def insert_order_book_snapshots(self, rows: Rows, *, token: str | None = None) -> int:
        """Insert books (`rows.BOOKS`); prices and quantities are lists, best first."""
        return await self.insert("order_book_snapshots", to_arrow(rows, columns.BOOKS), token=token)

    async def insert_position_history(self, rows: Rows, *, token: str | None = None) -> int:
        """Insert positions as they became (`rows.POSITIONS`)."""
        return await self.insert("position_history_analytics", to_arrow(rows, columns.POSITIONS), token=token)

    async def insert_indicators(self, rows: Rows) -> int:
        """Insert technical indicators (`rows.INDICATORS`)."""
        return await self.insert("technical_indicators", to_arrow(rows, columns.INDICATORS))

    async def insert_order_flow_features(self, rows: Rows) -> int:
        """Insert what was computed from order flow (`rows.FEATURES`)."""
        return await self.insert("order_flow_features", to_arrow(rows, columns.FEATURES))

    async def insert_strategy_performance(self, rows: Rows) -> int:
        """Insert what strategies earned (`rows.STRATEGIES`)."""
        return await self.insert("strategy_performance", to_arrow(rows, columns.STRATEGIES))

    async def insert_account_snapshots(self, rows: Rows) -> int:
        """Insert accounts as they were (`rows.ACCOUNTS`)."""
        return await self.insert("account_snapshots", to_arrow(rows, columns.ACCOUNTS))
