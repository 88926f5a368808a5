"""GET /health: every dependency with its state and latency. Needs no key, so it tells no more than up or down."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from cift.api.backend import Backend
from cift.api.models import DependencyView, HealthView
from cift.core.messages import status_subject
from cift.core.serialization import decode_status
from cift.core.shards import all_shards

log = logging.getLogger(__name__)
router = APIRouter(tags=["operations"])

PROBE_TIMEOUT_S = 1.0
# Without a key anybody may ask: however often, each dependency is asked this often at most (per worker).
FRESH_S = 0.2

Probe = Callable[[], Awaitable[int | None]]


class NotAtWork(Exception):
    """A service answers, and says why it can't do its work yet."""


def _probes(behind: Backend) -> dict[str, Probe]:
    """Return how to ask each dependency; a probe returns the service's lag, or None where that means nothing."""
    signed_in = False

    async def nats() -> None:
        await behind.nats.ping(timeout_s=PROBE_TIMEOUT_S)

    async def cache() -> None:
        await behind.cache.ping()

    async def clickhouse() -> None:
        nonlocal signed_in
        if not signed_in:
            await behind.clickhouse.connect()
            signed_in = True
        await behind.clickhouse.ping()

    async def postgresql() -> None:
        await behind.database.ping()

    def service(name: str, says: str = "") -> Probe:
        async def ask() -> int:
            status = decode_status(await behind.nats.request(status_subject(name), timeout_s=PROBE_TIMEOUT_S))
            if says and status.service != says:
                raise NotAtWork(f"{status.service} answers for {says}: CIFT_ENGINE_SHARDS is another one there")
            if status.detail:
                raise NotAtWork(f"{status.detail}, {status.lag} messages to go")
            return status.lag

        return ask

    async def engines() -> int:
        """Ask every shard at once; one that isn't well is named."""
        shards = all_shards(behind.settings.engine_shards)
        # A little sooner than all of it is given up: then it is known who doesn't answer.
        asking = [asyncio.wait_for(service(shard.service, str(shard))(), 0.8 * PROBE_TIMEOUT_S) for shard in shards]
        answers = list(zip(shards, await asyncio.gather(*asking, return_exceptions=True), strict=True))
        unwell = [f"shard {of.number}: {_reason(answer)}" for of, answer in answers if isinstance(answer, Exception)]
        if unwell:
            raise NotAtWork("; ".join(unwell))
        return max(answer for _, answer in answers if isinstance(answer, int))

    return {
        "nats": nats,
        "clickhouse": clickhouse,
        "cache": cache,
        "postgresql": postgresql,
        "engine": service("engine") if behind.settings.engine_shards == 1 else engines,
        "recorder": service("recorder"),
    }


class Health:
    """The newest answer, shared by everybody who asks within `FRESH_S`."""

    def __init__(self, behind: Backend) -> None:
        self._probes = _probes(behind)
        self._lock = asyncio.Lock()
        self._view: HealthView | None = None
        self._asked_at = 0.0
        self._down: set[str] = set()

    async def view(self) -> HealthView:
        """Return the state of every dependency, asked now or a moment ago."""
        async with self._lock:
            if self._view is None or time.monotonic() - self._asked_at > FRESH_S:
                answers = await asyncio.gather(*(self._ask(name, probe) for name, probe in self._probes.items()))
                found = dict(zip(self._probes, answers, strict=True))
                up = all(answer.state == "up" for answer in answers)
                self._view = HealthView(status="up" if up else "down", dependencies=found)
                self._asked_at = time.monotonic()
            return self._view

    async def _ask(self, name: str, probe: Probe) -> DependencyView:
        started = time.perf_counter()
        try:
            lag = await asyncio.wait_for(probe(), PROBE_TIMEOUT_S)
        except Exception as error:  # whatever it is, the dependency does not work for us
            if name not in self._down:
                log.warning("health: %s is down: %s", name, str(error) or type(error).__name__)
            self._down.add(name)
            return DependencyView(state="down", latency_ms=None, reason=_reason(error))
        if name in self._down:
            log.info("health: %s is up again", name)
        self._down.discard(name)
        return DependencyView(state="up", latency_ms=round((time.perf_counter() - started) * 1e3, 3), lag=lag)


def _reason(error: Exception) -> str:
    """Return as much as anybody may know: no addresses and no users."""
    if isinstance(error, NotAtWork):
        return str(error)
    return f"no answer within {PROBE_TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else "does not answer"


@router.get("/health", response_model_exclude_none=True, responses={503: {"model": HealthView}})
async def health(request: Request, response: Response) -> HealthView:
    """Answer 200 when every dependency is up, else 503."""
    state: Health = request.app.state.health
    view = await state.view()
    response.status_code = 200 if view.status == "up" else 503
    return view
