"""When recorded changes are due, and which time they are published with."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from cift.core.feeds.metrics import LAG

Clock = Literal["now", "source"]


class Pace:
    """Time runs from the first change that is waited for, `speed` times as fast as it did; 0: as fast as it goes."""

    def __init__(self, speed: float, clock: Clock) -> None:
        self._speed, self._clock = speed, clock
        self._began: tuple[int, float, int] | None = None

    async def wait(self, ts: int, stop: asyncio.Event) -> None:
        """Return when a change of time `ts` is due, or at once on `stop`."""
        if self._began is None:
            self._began = ts, time.monotonic(), time.time_ns()
        if not self._speed:
            return
        first, began, _ = self._began
        ahead = began + (ts - first) / self._speed / 1e9 - time.monotonic()
        LAG.set(max(0.0, -ahead))
        if ahead > 0:
            try:
                async with asyncio.timeout(ahead):
                    await stop.wait()
            except TimeoutError:
                pass

    def ahead(self, ts: int) -> bool:
        """Return whether a change of time `ts` would have to be waited for."""
        if self._began is None or not self._speed:
            return self._began is None
        first, began, _ = self._began
        return began + (ts - first) / self._speed / 1e9 > time.monotonic()

    def stamp(self, ts: int) -> int:
        """Return the time to publish a change of time `ts` with: the source's own, or that at which it is due."""
        if self._clock == "source" or self._began is None:
            return ts
        if not self._speed:
            return time.time_ns()
        first, _, began_ns = self._began
        return began_ns + int((ts - first) / self._speed)
