"""The recorder: events and trades into ClickHouse, books into the cache, and if wanted trades and tops into QuestDB.

Its taps run apart, so that one store that is away holds up nothing else. What a table has says where to go on: each row
carries its stream sequence. A batch is one insert, repeated until the store says that it has it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from cift.core.cache import Cache
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.config import Settings
from cift.core.ending import end
from cift.core.lease import SLOW, Lease, LeaseLostError, acquired, this_process
from cift.core.messages import ServiceStatus, status_subject
from cift.core.nats_manager import NatsManager
from cift.core.notify import ready
from cift.core.questdb import QuestDB
from cift.core.recording.accounts import Accounts
from cift.core.recording.books import BookTap
from cift.core.recording.history import EventTap, TradeTap
from cift.core.recording.intraday import TABLES, IntradayTap
from cift.core.runtime import ServiceError, run
from cift.core.serialization import encode
from cift.core.shards import all_shards
from cift.core.streams import ShardsError, check_shards

log = logging.getLogger("recorder")

METRICS_PORT = 8002


class Tap(Protocol):
    """Reads a stream into a store."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop`; what was read by then is stored first."""


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Connect to NATS and run the taps until `stop`; the stores may come later."""
    clickhouse = ClickHouseManager(settings)
    async with (
        NatsManager(settings, name="cift-recorder") as nats,
        Cache(settings) as cache,
        AsyncExitStack() as stores,
    ):
        lease = Lease(nats, "recorder", this_process(), **SLOW)
        accounts = Accounts(
            value=settings.risk_account_value,
            max_leverage=settings.risk_max_leverage,
            currency=settings.account_currency,
        )
        shards = all_shards(settings.engine_shards)
        events = [EventTap(nats, clickhouse, lease.sure, accounts, shard) for shard in shards]
        trades = TradeTap(nats, clickhouse, lease.sure)
        books = BookTap(nats, cache, clickhouse, history_s=settings.recorder_book_s)
        intraday: list[IntradayTap] = []
        if settings.questdb_enabled:
            for table in TABLES:
                # A connection each: they run side by side.
                questdb = await stores.enter_async_context(QuestDB(settings))
                intraday.append(IntradayTap(nats, questdb, table))

        async def answer(message: Msg) -> None:
            # QuestDB is an extra: the stack is well without it. Metrics and the log say how far it is behind.
            lags = [*(tap.lag for tap in events), trades.lag, books.lag]
            detail = "waiting for ClickHouse" if None in lags else ""
            position = sum(tap.position for tap in events)
            status = ServiceStatus(
                service="recorder", position=position, lag=sum(lag or 0 for lag in lags), detail=detail
            )
            await message.respond(encode(status))

        async with lease:
            ready("standing by")
            log.info("standing by")
            try:
                if await acquired(lease, stop):
                    await _check(nats, settings.engine_shards)
                    await nats.subscribe(status_subject("recorder"), answer)
                    ready("recording")
                    log.info("ready")
                    await _record([*events, trades, books, *intraday], lease, stop)
            finally:
                await clickhouse.close()
        log.info("stopped")


async def _check(nats: NatsManager, shards: int) -> None:
    """Refuse to record some of the shards' events, or of shards that are none."""
    try:
        await check_shards(nats.js, shards)
    except ShardsError as error:
        raise ServiceError(str(error)) from None
    except (NatsError, OSError) as error:
        log.warning("how many shards there are: %s", str(error) or type(error).__name__)


async def _record(taps: Sequence[Tap], lease: Lease, stop: asyncio.Event) -> None:
    """Run the taps while the lease is ours: two recorders would store each row twice until ClickHouse merges them."""
    ending = asyncio.Event()
    watching = [asyncio.create_task(_pass_on(reason, ending)) for reason in (stop, lease.lost)]
    try:
        await _until_stopped([asyncio.create_task(tap.run(ending)) for tap in taps], ending)
    except LeaseLostError:
        pass
    finally:
        await end(*watching)
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
    await end(*tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


if __name__ == "__main__":
    sys.exit(run("recorder", "The recorder: fills and trades into tables, books into the cache.", METRICS_PORT, work))
