"""Rows of a stream into a table of ClickHouse, once each, whatever becomes of an attempt."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator

import numpy as np
import pyarrow as pa

from cift.core.clickhouse_manager import ClickHouseManager

DAY_NS = 86_400 * 10**9

# Returns while no other recorder can be at work.
Sure = Callable[[], Awaitable[None]]


def by_day(rows: pa.Table) -> Iterator[pa.Table]:
    """Give the rows in their order, cut where the day changes.

    An insert is atomic within one partition only, and none is shorter than a day.
    """
    if not rows.num_rows:
        return
    days = rows["ts"].to_numpy().view(np.int64) // DAY_NS
    turns = (np.flatnonzero(np.diff(days)) + 1).tolist()
    for begin, end in itertools.pairwise([0, *turns, len(days)]):
        yield rows.slice(begin, end - begin)


class Insert:
    """One batch on its way into its table; every call is another attempt at the same."""

    def __init__(
        self, clickhouse: ClickHouseManager, sure: Sure, stream: str, table: str, rows: pa.Table,
        within: range | None = None,
    ) -> None:  # fmt: skip
        """Take rows, at least one, in the order of the stream; `within` are its sequences if others feed the table."""
        self._clickhouse, self._sure, self._table, self._rows = clickhouse, sure, table, rows
        self._within = within
        self._last: int = rows["stream_seq"][-1].as_py()
        self._token = f"{stream} {rows['stream_seq'][0].as_py()}-{self._last}"
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
        return await self._clickhouse.last_stream_seq(self._table, self._within) >= self._last

    async def _insert(self) -> None:
        await self._clickhouse.insert(self._table, self._rows, token=self._token)
