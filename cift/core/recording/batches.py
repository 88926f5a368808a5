"""A stream in batches that are worth an insert."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from cift.core.recording.insisting import finish
from cift.core.stream_reader import Stored, StreamReader

BATCH = 25_000
GATHER_S = 0.02
# The longest that a batch is held back while there is more to read.
BEHIND_S = 0.5


async def batches(reader: StreamReader, stop: asyncio.Event) -> AsyncIterator[list[Stored]]:
    """Give what there is, up to `BATCH` messages at a time, until `stop`; what was read by then is given first."""
    watch = asyncio.create_task(finish(reader, stop))
    try:
        while batch := await reader.next(BATCH):
            await _gather(reader, batch, stop)
            yield batch
    finally:
        watch.cancel()


async def _gather(reader: StreamReader, batch: list[Stored], stop: asyncio.Event) -> None:
    """Add to a batch what else is there, up to `BATCH`: fewer, larger inserts."""
    if len(batch) < BATCH and not reader.waiting and not stop.is_set():
        await asyncio.sleep(GATHER_S)  # a burst is under way
        batch += reader.take(BATCH - len(batch))
    with suppress(TimeoutError):
        async with asyncio.timeout(BEHIND_S):
            while len(batch) < BATCH and reader.waiting and not stop.is_set():
                batch += await reader.next(BATCH - len(batch))
