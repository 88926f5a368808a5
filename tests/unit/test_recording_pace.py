"""How the recorder makes batches of what comes message by message."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import pairwise
from typing import cast

from cift.core.recording.batches import BATCH, batches
from cift.core.stream_reader import Stored, StreamReader

PACE_S = 0.2


class Told:
    """In a reader's place: gives what it was told, and nothing more once it is finished."""

    def __init__(self) -> None:
        self.queue: deque[Stored] = deque()
        self.waiting = 0
        self._arrived = asyncio.Event()
        self._finished = False

    def tell(self, first: int, count: int = 1) -> None:
        self.queue.extend(Stored(first + each, "events.A", b"", "", "") for each in range(count))
        self._arrived.set()

    def finish(self) -> None:
        self._finished = True
        self._arrived.set()

    async def next(self, limit: int) -> list[Stored]:
        while not self.queue and not self._finished:
            self._arrived.clear()
            await self._arrived.wait()
        return self.take(limit)

    def take(self, limit: int) -> list[Stored]:
        return [self.queue.popleft() for _ in range(min(limit, len(self.queue)))]


async def told_in_batches(reader: Told, stop: asyncio.Event, pace_s: float) -> list[tuple[float, list[int]]]:
    clock = asyncio.get_running_loop().time
    taken = batches(cast(StreamReader, reader), stop, pace_s=pace_s)
    return [(clock(), [each.seq for each in batch]) async for batch in taken]


async def test_a_steady_trickle_makes_few_batches_and_the_last_comes_at_the_end() -> None:
    reader, stop = Told(), asyncio.Event()
    taking = asyncio.create_task(told_in_batches(reader, stop, PACE_S))
    for seq in range(1, 61):
        reader.tell(seq)
        await asyncio.sleep(0.01)
    stop.set()
    given = await taking
    assert [seq for _, batch in given for seq in batch] == list(range(1, 61))
    *steady, _last = [later - sooner for (sooner, _), (later, _) in pairwise(given)]
    assert min(steady) >= PACE_S * 0.9


async def test_who_is_behind_does_not_wait() -> None:
    reader, stop = Told(), asyncio.Event()
    reader.tell(1, 3 * BATCH)
    reader.waiting = 1
    taking = asyncio.create_task(told_in_batches(reader, stop, 3600.0))
    async with asyncio.timeout(30):
        while reader.queue:  # noqa: ASYNC110 (a reader tells nobody that it is empty)
            await asyncio.sleep(0)
        stop.set()
        given = await taking
    assert [len(batch) for _, batch in given] == [BATCH] * 3
