"""Storing that goes on until the store has it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from prometheus_client import Counter, Gauge

from cift.core.cache import CacheUnavailableError
from cift.core.clickhouse.connection import ClickHouseError, ClickHouseUnavailableError
from cift.core.ending import end
from cift.core.questdb import QuestDBRefusedError, QuestDBUnavailableError
from cift.core.stream_reader import StreamReader

log = logging.getLogger("recorder")

BACKOFF_S = (0.1, 5.0)

ROWS = Counter("cift_recorder_rows", "Rows stored", ["table"])
RETRIES = Counter("cift_recorder_retries", "Attempts that failed", ["store"])
LAG = Gauge("cift_recorder_lag", "Messages behind the stream", ["tap"])

AWAY = (
    ClickHouseError,
    ClickHouseUnavailableError,
    QuestDBRefusedError,
    QuestDBUnavailableError,
    CacheUnavailableError,
)


async def insist(store: str, attempt: Callable[[], Awaitable[object]]) -> None:
    """Repeat `attempt` until it succeeds, waiting longer after each failure; only cancelling ends it otherwise."""
    wait, longest = BACKOFF_S
    while True:
        try:
            await attempt()
            return
        except AWAY as error:
            RETRIES.labels(store).inc()
            log.warning("%s: %s; trying again in %.1f s", store, error, wait)
        await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 (jitter, no secret)
        wait = min(longest, wait * 2)


async def finish(reader: StreamReader, stop: asyncio.Event) -> None:
    """Let a reader end at `stop`."""
    await stop.wait()
    reader.finish()


async def beside(work: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Do `work` while the others, which never end, go on; what one of them fails with is raised."""
    tasks = [asyncio.create_task(each) for each in (work, *others)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end(*tasks)
