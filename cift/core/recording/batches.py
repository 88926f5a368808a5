"""A stream in batches that are worth an insert."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from cift.core.recording.insisting import finish
from cift.core.stream_reader import Stored, StreamReader

BATCH = 25_000
# A burst is under way.
GATHER_S = 0.02
# The longest that a batch is held back while there is more to read.
BEHIND_S = 0.5


async def batches(reader: StreamReader, stop: asyncio.Event, *, pace_s: float) -> AsyncIterator[list[Stored]]:
    """Give what there is, up to `BATCH` messages at a time, until `stop`; what was read by then is given first.

    What comes after silence is given soon, and then there are at least `pace_s` seconds from one batch to the next: to
    a store of columns an insert of one row is as dear as one of thousands. Who is behind doesn't wait.
    """
    watch = asyncio.create_task(finish(reader, stop))
    clock, due = asyncio.get_running_loop().time, 0.0
    try:
        while batch := await reader.next(BATCH):
            await _gather(reader, batch, stop, max(GATHER_S, due - clock()))
            due = clock() + pace_s
            yield batch
    finally:
        watch.cancel()


async def _gather(reader: StreamReader, batch: list[Stored], stop: asyncio.Event, wait_s: float) -> None:
    """Add to a batch what comes within `wait_s` seconds and what else is there, up to `BATCH`."""
    if len(batch) < BATCH and not reader.waiting:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait_s)
        batch += reader.take(BATCH - len(batch))
    with suppress(TimeoutError):
        async with asyncio.timeout(BEHIND_S):
            while len(batch) < BATCH and reader.waiting and not stop.is_set():
                batch += await reader.next(BATCH - len(batch))
