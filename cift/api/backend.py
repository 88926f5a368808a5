"""Everything behind the API, opened and closed with the application.

Nothing is required at start: systems that are away are connected to when they come, and /health says so meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from nats.errors import Error as NatsError

from cift.api.admission import Admission
from cift.api.audit import AuditLog
from cift.api.journal import Journal
from cift.api.live.hub import Hub
from cift.api.live.seats import Seats
from cift.api.outcomes import Outcomes
from cift.api.rates import Rates
from cift.api.reference import ReferenceCache
from cift.api.shared import Shared
from cift.api.signatures import Nonces
from cift.api.tables import ANSWER_S, Tables
from cift.core.cache import Cache
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.config import Settings
from cift.core.database import Database
from cift.core.ending import end
from cift.core.nats_manager import NatsManager, NatsUnavailableError

log = logging.getLogger(__name__)

CONNECT_RETRY_S = 1.0


@dataclass(frozen=True)
class Backend:
    """The adapters that routes work with."""

    settings: Settings
    database: Database
    cache: Cache
    clickhouse: ClickHouseManager
    tables: Tables
    nats: NatsManager
    journal: Journal
    reference: ReferenceCache
    hub: Hub
    nonces: Nonces
    rates: Rates
    seats: Seats
    audit: AuditLog


async def _connect(nats: NatsManager, outcomes: Outcomes, audit: AuditLog) -> None:
    """Connect to NATS, however long that takes, listen for the engine's answers, and begin to write down changes."""
    while True:
        try:
            await nats.connect(timeout_s=CONNECT_RETRY_S)
            break
        except NatsUnavailableError as error:
            log.warning("%s; trying again", error)
            await asyncio.sleep(CONNECT_RETRY_S)
    try:
        await outcomes.listen(nats)
    except (NatsError, OSError) as error:
        # The subscription is known to the client: it is sent again with the next connection.
        log.warning("listening to the engine: %s", error)
    while True:
        try:
            return await audit.open()
        except (NatsError, OSError) as error:
            log.warning("audit: %s; trying again", error)
            await asyncio.sleep(CONNECT_RETRY_S)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Backend]:
    """Open everything, give it a moment to be there before the first request, close everything."""
    outcomes = Outcomes()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.from_settings(settings))
        cache = await stack.enter_async_context(Cache(settings))
        clickhouse = ClickHouseManager(settings, timeout_s=ANSWER_S)
        stack.push_async_callback(clickhouse.close)
        nats = NatsManager(settings, name="cift-api")
        stack.push_async_callback(nats.close)
        audit = AuditLog(nats)
        stack.push_async_callback(audit.close)
        shards = settings.engine_shards
        hub = Hub(nats, cache, shards)
        stack.push_async_callback(hub.close)
        reference = ReferenceCache(database)
        limits = {"max_in_flight": settings.api_max_in_flight, "max_lag": settings.api_max_lag}
        admission = Admission(nats, shards=shards, **limits)
        for work in (reference.keep_fresh(), _connect(nats, outcomes, audit), admission.watch()):
            stack.push_async_callback(end, asyncio.create_task(work))
        for _ in range(100):
            if reference.loaded and nats.connected:
                break
            await asyncio.sleep(0.02)
        journal = Journal(nats, outcomes, admission, shards)
        shared = Shared(cache)
        yield Backend(
            settings=settings,
            database=database,
            cache=cache,
            clickhouse=clickhouse,
            tables=Tables(clickhouse),
            nats=nats,
            journal=journal,
            reference=reference,
            hub=hub,
            nonces=Nonces(shared, settings.signature_window_s),
            rates=Rates(shared, settings.rate_limit, settings.rate_burst),
            seats=Seats(shared, settings.stream_connections),
            audit=audit,
        )


async def _of(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


Behind = Annotated[Backend, Depends(_of)]
