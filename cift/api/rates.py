"""How often a key may ask: a rate and a burst for each, kept in the cache for all workers (GCRA).

A worker takes what a twentieth of a second allows in one go, and asks the cache no more often than that. While the
cache is away each worker holds its clients to the same rate by itself: nobody is stopped, and nobody is unlimited.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.asyncio import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from cift.api.metrics import RATE_LIMITED
from cift.api.problems import Problem
from cift.api.shared import Shared
from cift.core.cache_rate import Grant, take

LEASE_S = 0.05
# What was taken and not used by then is gone: another worker may need it.
LEASE_LASTS_S = 1.0


@dataclass(slots=True)
class _Lease:
    left: int = 0
    until: float = 0.0
    alone_tat: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Rates:
    """The limits of every key."""

    def __init__(self, shared: Shared, rate: float, burst: int) -> None:
        self._shared, self._rate, self._burst = shared, rate, burst
        self._leases: dict[str, _Lease] = defaultdict(_Lease)

    async def take(self, key_id: str, count: int = 1) -> None:
        """Count `count` requests of a key; raise the 429 of one that asks too often."""
        if count < 1:
            return
        lease, count = self._leases[key_id], min(count, self._burst)
        async with lease.asking:
            now = time.monotonic()
            if now > lease.until:
                lease.left = 0
            if lease.left < count:
                granted, wait_s = await self._ask(key_id, lease, count - lease.left)
                if not granted:
                    RATE_LIMITED.inc()
                    raise _too_often(wait_s)
                lease.left += granted
                lease.until = now + LEASE_LASTS_S
            lease.left -= count

    async def _ask(self, key_id: str, lease: _Lease, needed: int) -> Grant:
        wanted = max(needed, min(self._burst, math.floor(self._rate * LEASE_S)))

        async def ask(redis: Redis) -> Grant:
            name = key_id[:32]
            return await take(redis, name, rate=self._rate, burst=self._burst, needed=needed, wanted=wanted)

        answer = await self._shared.ask("rate", ask)
        return self._alone(lease, needed) if answer is None else answer

    def _alone(self, lease: _Lease, needed: int) -> Grant:
        now, interval = time.monotonic(), 1 / self._rate
        tat = max(now, lease.alone_tat)
        room = math.floor((now - tat) / interval + self._burst + 1e-6)
        if room < needed:
            return Grant(0, (needed - room) * interval)
        lease.alone_tat = tat + needed * interval
        return Grant(needed, 0.0)


def _too_often(wait_s: float) -> Problem:
    seconds = max(1, math.ceil(wait_s))
    detail = f"This key asks more often than it may; try again in {seconds} s"
    return Problem(429, "rate_limited", "Too many requests", detail, headers={"Retry-After": str(seconds)})


class RateLimit:
    """Hold every key to its rate, once it is known whose it is."""

    def __init__(self, app: ASGIApp, rates: Callable[[], Rates]) -> None:
        self.app = app
        self.rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if its key may make one now."""
        principal = scope.get("state", {}).get("principal")
        if principal is not None:
            try:
                await self.rates().take(principal.key_id)
            except Problem as problem:
                return await problem.response()(scope, receive, send)
        return await self.app(scope, receive, send)
