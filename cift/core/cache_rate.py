"""How often something may happen, kept in the cache for everybody who asks: a rate, and what may come at once."""

from __future__ import annotations

import math
from typing import NamedTuple

from redis.asyncio import Redis

# The generic cell rate algorithm (ITU-T I.371) by the server's clock: keeps the time, in microseconds, at which the
# next one would come at the rate. Returns how many are granted, and else how long to wait for as many as are needed.
_GCRA = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local needed, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local tat = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local room = math.floor((now - tat) / interval + burst + 1e-6)
if room < needed then return {0, math.ceil((needed - burst) * interval + tat - now)} end
local granted = math.min(room, wanted)
tat = tat + granted * interval
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1)
return {granted, 0}
"""


class Grant(NamedTuple):
    """How many may happen now; if none, after how many seconds as many as are needed may."""

    granted: int
    wait_s: float


async def take(redis: Redis, name: str, *, rate: float, burst: int, needed: int, wanted: int) -> Grant:
    """Count up to `wanted` events of `name` against `rate` a second; if not even `needed` may happen, none is counted.

    Raises:
        ValueError: a rate that is none, or more needed at once than a burst.
    """
    if not (0 < rate < math.inf and 1 <= needed <= burst):
        raise ValueError(
            f"found rate {rate}, burst {burst}, count {needed}; expected a rate above 0 and a count from 1 to the burst"
        )
    granted, wait = await redis.eval(_GCRA, 1, f"rate:{name}", repr(1e6 / rate), str(burst), str(needed), str(wanted))
    return Grant(int(granted), int(wait) / 1e6)
