"""Snapshots in NATS' object store.

A shard has two slots, so that the one before the newest is there until a newer one is whole.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator

from nats.errors import Error
from nats.js.api import ObjectMeta
from nats.js.errors import BucketNotFoundError, NotFoundError
from nats.js.object_store import ObjectStore

from cift.core.nats_manager import NatsManager
from cift.core.shards import WHOLE, Shard
from cift.core.streams import SNAPSHOT_BUCKET

log = logging.getLogger(__name__)

# What a server may take for one chunk and for the first word, and how fast it is at least.
PATIENCE_S = 10.0
BYTES_PER_S = 10e6


class Snapshots:
    """A shard's two objects; each says in its description which message of the journal it stands for."""

    def __init__(self, store: ObjectStore, shard: Shard) -> None:
        self._store = store
        self._slots = [f"snapshot{shard.suffix.replace('.', '-')}-{slot}" for slot in (0, 1)]

    @classmethod
    async def open(cls, nats: NatsManager, shard: Shard = WHOLE) -> Snapshots | None:
        """Return a shard's snapshots, None where there is no bucket for them."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return cls(await nats.js.object_store(SNAPSHOT_BUCKET), shard)
        except (BucketNotFoundError, NotFoundError):
            return None

    async def _sequences(self) -> dict[str, int]:
        """Return what each slot stands for, 0 for an empty one."""
        found = dict.fromkeys(self._slots, 0)
        for slot in self._slots:
            try:
                info = await self._store.get_info(slot)
                found[slot] = int(info.description or 0)
            except (NotFoundError, ValueError):
                continue
        return found

    async def save(self, sequence: int, data: bytes) -> None:
        """Put a snapshot in place of the older one.

        Raises:
            nats.errors.Error, TimeoutError: it could not be stored whole; the two that were there still are.
        """
        async with asyncio.timeout(PATIENCE_S + len(data) / BYTES_PER_S):
            found = await self._sequences()
            older = min(self._slots, key=found.__getitem__)
            await self._store.put(older, data, ObjectMeta(description=str(sequence)))

    async def newest_first(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what is there and whole, the newest first; what is damaged is passed over with a warning."""
        found = await self._sequences()
        for slot in sorted(self._slots, key=found.__getitem__, reverse=True):
            if not found[slot]:
                continue
            whole = io.BytesIO()
            try:
                info = await self._store.get_info(slot)
                async with asyncio.timeout(PATIENCE_S + (info.size or 0) / BYTES_PER_S):
                    await self._store.get(slot, writeinto=whole)
            except (Error, TimeoutError) as error:
                log.warning("snapshot %d: %s", found[slot], str(error) or type(error).__name__)
                continue
            yield found[slot], whole.getvalue()
