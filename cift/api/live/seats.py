"""How many WebSockets an account may have open, on all workers together; each worker counts alone without the cache."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from cift.api.problems import Problem
from cift.api.shared import Shared
from cift.core.ending import end

# A worker that was killed gives its seats back by saying nothing for so long.
LASTS_S = 15.0
KEEP_S = 5.0

# Seats by when they end, unless they are kept.
_TAKE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""


class Seats:
    """Taken by `async with seats.one(account)`."""

    def __init__(self, shared: Shared, most: int) -> None:
        self._shared, self._most = shared, most
        self._here: Counter[int] = Counter()

    @asynccontextmanager
    async def one(self, account_id: int) -> AsyncIterator[None]:
        """Hold a seat; raise the 429 of an account that has all of its own."""
        name, seat = f"seats:{account_id}", uuid.uuid4().hex
        if self._here[account_id] >= self._most or not await self._take(name, seat):
            detail = f"This account has {self._most} streams open, as many as it may: close one, or share one"
            raise Problem(429, "too_many_connections", "Too many streams", detail, headers={"Retry-After": "15"})
        self._here[account_id] += 1
        keeping = asyncio.create_task(self._keep(name, seat))
        try:
            yield
        finally:
            self._here[account_id] -= 1
            await end(keeping)
            await self._shared.ask("seats", lambda redis: redis.zrem(name, seat))

    async def _take(self, name: str, seat: str) -> bool:
        now = time.time()
        arguments = (now, now + LASTS_S, self._most, seat, int(LASTS_S * 2000))

        async def taken(redis: Redis) -> bool:
            return bool(await redis.eval(_TAKE, 1, name, *map(str, arguments)))

        return await self._shared.ask("seats", taken) is not False

    async def _keep(self, name: str, seat: str) -> None:
        while True:
            await asyncio.sleep(KEEP_S)

            async def kept(redis: Redis) -> None:
                await redis.zadd(name, {seat: time.time() + LASTS_S})
                await redis.pexpire(name, int(LASTS_S * 2000))

            await self._shared.ask("seats", kept)
