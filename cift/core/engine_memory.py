"""What an engine remembers between its runs, so that a start reads the journal's tail and not the whole.

The journal stays the truth: a snapshot is believed only where it is whole, gives the state that it was taken of, stands
for a command that this very journal has, and knows of no event that is not on its stream yet (the engine would never
publish it). Otherwise the one before is tried, and then the whole journal is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable

import msgspec
from nats.errors import Error
from nats.js.errors import NotFoundError

from cift.core.matcher_state import Frozen, SnapshotError
from cift.core.matching import Matcher
from cift.core.nats_manager import NatsManager
from cift.core.outbox import ForeignWriterError
from cift.core.shards import Shard
from cift.core.snapshots import Snapshots
from cift.core.streams import ORDERS

log = logging.getLogger(__name__)


class _Remembered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state after command `sequence`, whose bytes have the digest `command`, and the count of events until then.

    It is shard `shard`'s of `shards`.
    """

    sequence: int
    command: bytes
    decided: int
    matcher: bytes
    shard: int = 0
    shards: int = 1


def _encode(shard: Shard, frozen: Frozen, command: bytes, decided: int) -> bytes:
    digest, matcher = hashlib.sha256(command).digest(), frozen.encode()
    return msgspec.msgpack.encode(
        _Remembered(
            sequence=frozen.sequence, command=digest, decided=decided, matcher=matcher,
            shard=shard.number, shards=shard.count,
        )
    )  # fmt: skip


class EngineMemory:
    """Recalls once, at the start; then takes a snapshot every so many commands and at the end."""

    def __init__(self, nats: NatsManager, shard: Shard, every: int) -> None:
        self._nats, self._shard, self._every = nats, shard, every
        self._snapshots: Snapshots | None = None
        self._saved = 0
        self._saving: asyncio.Task[None] | None = None

    async def recall(self, commands: int, events: int) -> tuple[Matcher, int]:
        """Return a matcher and how many events it has decided; a new one where no snapshot can be believed.

        `commands` and `events` are the last sequences of ORDERS and of the shard's events.
        """
        self._snapshots = await Snapshots.open(self._nats, self._shard)
        if self._snapshots is None:
            log.warning("no bucket for snapshots: every start reads the whole journal; run `cift schema apply`")
            return Matcher(self._shard), 0
        async for sequence, data in self._snapshots.newest_first():
            try:
                remembered, matcher = await self._believe(data, commands, events)
            except SnapshotError as error:
                log.warning("snapshot %d is passed over: %s", sequence, error)
                continue
            self._saved = remembered.sequence
            log.info("snapshot %d: %d commands to go", remembered.sequence, commands - remembered.sequence)
            return matcher, remembered.decided
        return Matcher(self._shard), 0

    async def _believe(self, data: bytes, commands: int, events: int) -> tuple[_Remembered, Matcher]:
        try:
            remembered = msgspec.msgpack.decode(data, type=_Remembered)
        except msgspec.MsgspecError as error:
            raise SnapshotError(str(error)) from None
        if (of := Shard(remembered.shard, remembered.shards)) != self._shard:
            raise SnapshotError(f"it is that of shard {of.number} of {of.count}")
        if remembered.sequence > commands:
            raise SnapshotError(f"it stands for command {remembered.sequence}, the journal ends at {commands}")
        if remembered.decided > events:
            raise SnapshotError(f"it knows of {remembered.decided} events, {events} are published")
        try:
            command = await self._nats.js.get_msg(ORDERS.name, remembered.sequence)
        except NotFoundError:
            raise SnapshotError(f"the journal has no command {remembered.sequence}") from None
        if hashlib.sha256(command.data or b"").digest() != remembered.command:
            raise SnapshotError(f"the journal has another command {remembered.sequence}")
        return remembered, Matcher.restore(remembered.matcher, self._shard)

    def due(self, sequence: int) -> bool:
        """Return whether it is time for a snapshot, and none is on its way."""
        return sequence - self._saved >= self._every and self._snapshots is not None and self._saving is None

    def take(
        self, matcher: Matcher, command: bytes, decided: int, published: Callable[[int], Awaitable[None]]
    ) -> asyncio.Task[None]:
        """Take a snapshot now and store it in the background, once `published(decided)` says that it may be believed.

        The matcher stands still for as long as its books are written down; what follows is done on a thread, as far as
        Python lets it. `command` is the last one's bytes.
        """
        self._saved = matcher.sequence
        self._saving = asyncio.create_task(self._save(matcher.freeze(), command, decided, published))
        return self._saving

    async def _save(
        self, frozen: Frozen, command: bytes, decided: int, published: Callable[[int], Awaitable[None]]
    ) -> None:
        sequence = frozen.sequence
        try:
            data = await asyncio.to_thread(_encode, self._shard, frozen, command, decided)
            await published(decided)
            if self._snapshots is not None:
                await self._snapshots.save(sequence, data)
                log.info("snapshot %d: %.1f MB", sequence, len(data) / 1e6)
        except (Error, OSError, TimeoutError, ForeignWriterError) as error:  # the next one is as good
            log.warning("snapshot %d was not stored: %s", sequence, str(error) or type(error).__name__)
        finally:
            self._saving = None

    async def close(
        self, matcher: Matcher, command: bytes, decided: int, published: Callable[[int], Awaitable[None]]
    ) -> None:
        """Take the last snapshot, unless there is nothing new."""
        if self._saving is not None:
            await self._saving
        if self._snapshots is not None and matcher.sequence > self._saved and self._nats.connected:
            await self.take(matcher, command, decided, published)
