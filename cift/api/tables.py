"""ClickHouse as the routes ask it: signed in with the first question, and a clear 503 when it is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from cift.api.problems import unavailable
from cift.core.clickhouse.bars import Query
from cift.core.clickhouse_manager import ClickHouseError, ClickHouseManager, ClickHouseUnavailableError

log = logging.getLogger(__name__)

ANSWER_S = 5.0
T = TypeVar("T")


class Tables:
    """The tables of history, behind one connection."""

    def __init__(self, clickhouse: ClickHouseManager) -> None:
        self._clickhouse = clickhouse
        self._signed_in = False
        self._signing_in = asyncio.Lock()

    async def ask(self, question: Callable[[ClickHouseManager], Awaitable[T]]) -> T:
        """Return the answer to a question; 503 when there is none within `ANSWER_S` seconds."""
        try:
            async with asyncio.timeout(ANSWER_S):
                async with self._signing_in:
                    if not self._signed_in:
                        await self._clickhouse.connect()
                        self._signed_in = True
                return await question(self._clickhouse)
        except (ClickHouseUnavailableError, ClickHouseError, TimeoutError) as error:
            log.warning("clickhouse: %s", str(error) or type(error).__name__)
            raise unavailable("The history", "ClickHouse does not answer; orders and books do. Try again") from None

    async def rows(self, query: Query) -> list[dict[str, Any]]:
        """Return a query's rows."""
        frame = await self.ask(lambda clickhouse: clickhouse.query(query.sql, query.params))
        return frame.to_dicts()
