"""What the workers of all hosts share through the cache, and what each does alone while the cache is away.

Trading must not wait for the cache: an answer that does not come in `ANSWER_S` seconds counts as none, and for
`PAUSE_S` seconds it is not asked again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cift.api.metrics import CACHE_AWAY
from cift.core.cache import Cache

log = logging.getLogger(__name__)

ANSWER_S = 0.25
PAUSE_S = 1.0
T = TypeVar("T")


class Shared:
    """The cache, asked with a short patience."""

    def __init__(self, cache: Cache) -> None:
        self._redis = cache.redis
        self._away_until = 0.0
        self._failing = False

    async def ask(self, what: str, question: Callable[[Redis], Awaitable[T]]) -> T | None:
        """Return the cache's answer, None while it is away; `what` names the question in the metric."""
        if time.monotonic() < self._away_until:
            CACHE_AWAY.labels(what).inc()
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await question(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            CACHE_AWAY.labels(what).inc()
            if not self._failing:
                log.warning("cache: %s; each worker limits alone meanwhile", str(error) or type(error).__name__)
            self._failing = True
            self._away_until = time.monotonic() + PAUSE_S
            return None
        self._failing = False
        return answer
