"""The streams as data, and the call that makes a server have them.

ORDERS is the journal: when it is full it refuses the next command, so that the API can say so, and never drops an old
one. EVENTS follows the journal; where several engines share the instruments, each has a stream of its own instead.
MARKET_DATA and SIGNALS are bounded by age and size: the oldest messages go first. The engine's snapshots spare its next
start the journal up to the newest of them.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StoreCompression, StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from cift.core.shards import MOST_SHARDS, Shard, all_shards

# Where the engine appends instruments and limits to the journal. Orders are one level up, on `orders.<SYMBOL>`, so that
# permissions keep them apart: the engine may write no order, the API no configuration.
CONFIGURATION = "orders._set"

DAY = 86_400.0
MIB = 1 << 20


@dataclass(frozen=True)
class Stream:
    """A stream as it should be; `max_age_s` 0 and `max_bytes` -1 mean without a limit."""

    name: str
    subjects: tuple[str, ...]
    purpose: str
    discard: DiscardPolicy
    max_age_s: float = 0.0
    max_bytes: int = -1
    duplicate_window_s: float = 120.0
    journal: bool = False
    rollup: bool = False
    max_per_subject: int = -1

    def config(self, replicas: int) -> StreamConfig:
        """Return the server's form of it with `replicas` copies."""
        return StreamConfig(
            name=self.name,
            description=self.purpose,
            subjects=list(self.subjects),
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            compression=StoreCompression.NONE,
            discard=self.discard,
            max_age=self.max_age_s,
            max_bytes=self.max_bytes,
            max_msgs=-1,
            max_msgs_per_subject=self.max_per_subject,
            max_consumers=-1,
            duplicate_window=self.duplicate_window_s,
            num_replicas=replicas,
            allow_direct=True,
            deny_delete=self.journal,
            allow_rollup_hdrs=self.rollup,
        )


ORDERS = Stream(
    name="ORDERS",
    subjects=("orders.>",),
    purpose="The journal: every command, everything the engine decides from",
    discard=DiscardPolicy.NEW,
    duplicate_window_s=600.0,
    journal=True,
)
EVENTS = Stream(
    name="EVENTS",
    subjects=("events.>",),
    purpose="What the engine decided, in the order of the journal",
    discard=DiscardPolicy.NEW,
    journal=True,
)
MARKET_DATA = Stream(
    name="MARKET_DATA",
    subjects=("market.ticks.>", "market.book.>", "market.trades.>"),
    purpose="Ticks, trades and depth",
    discard=DiscardPolicy.OLD,
    max_age_s=DAY,
    max_bytes=1024 * MIB,
)
SIGNALS = Stream(
    name="SIGNALS",
    subjects=("signals.>",),
    purpose="What strategies say",
    discard=DiscardPolicy.OLD,
    max_age_s=DAY,
    max_bytes=128 * MIB,
)
AUDIT = Stream(
    name="AUDIT",
    subjects=("audit.*",),
    purpose="Who changed what through the API, by account",
    discard=DiscardPolicy.NEW,
    max_age_s=7 * 365 * DAY,
    journal=True,
)
# An object store is a stream whose subjects and name its clients agree on.
SNAPSHOT_BUCKET = "engine"
SNAPSHOTS = Stream(
    name=f"OBJ_{SNAPSHOT_BUCKET}",
    subjects=(f"$O.{SNAPSHOT_BUCKET}.C.>", f"$O.{SNAPSHOT_BUCKET}.M.>"),
    purpose="The engine's state after a command of the journal, the newest and the one before",
    discard=DiscardPolicy.NEW,
    rollup=True,
)
# As a key-value store is.
LEASE_BUCKET = "leases"
LEASES = Stream(
    name=f"KV_{LEASE_BUCKET}",
    subjects=(f"$KV.{LEASE_BUCKET}.>",),
    purpose="Who works, of several that could",
    discard=DiscardPolicy.NEW,
    max_per_subject=1,
    rollup=True,
)
STREAMS = (ORDERS, EVENTS, MARKET_DATA, SIGNALS, AUDIT, SNAPSHOTS, LEASES)
"""Those of one engine."""


class ShardsError(RuntimeError):
    """The server has events of another number of shards than the settings say."""


def events_of(shard: Shard) -> Stream:
    """Return the stream of a shard's events."""
    if shard.count == 1:
        return EVENTS
    purpose = f"What shard {shard.number} of {shard.count} decided, in the order of the journal"
    return replace(EVENTS, name=shard.stream, subjects=(shard.event_subject(">"),), purpose=purpose)


def streams_of(shards: int) -> tuple[Stream, ...]:
    """Return every stream where so many engines share the instruments."""
    return (ORDERS, *map(events_of, all_shards(shards)), *STREAMS[2:])


# What is compared with the server's side; it fills in more fields than one asks for.
_COMPARED = (
    "description", "subjects", "retention", "storage", "compression", "discard", "max_age", "max_bytes", "max_msgs",
    "max_msgs_per_subject",
    "duplicate_window", "num_replicas", "allow_direct", "deny_delete", "allow_rollup_hdrs",
)  # fmt: skip


async def check_shards(js: JetStreamContext, shards: int) -> list[str]:
    """Return the names of empty streams of another number of shards, which stand in our streams' way.

    Raises:
        ShardsError: they aren't empty.
        nats.errors.Error: the server doesn't say.
    """
    if shards == 1 and await _look(js, EVENTS.name) is not None:
        return []  # no other stream could have its subjects
    first = await _look(js, Shard(0, MOST_SHARDS).stream)
    most = max(shards, _shards_said(first) if first else 1)
    names = [EVENTS.name, *(Shard(number, MOST_SHARDS).stream for number in range(most))]
    looked = zip(names, await asyncio.gather(*(_look(js, name) for name in names)), strict=True)
    there = {name: info for name, info in looked if info is not None}
    others = [name for name, info in there.items() if _shards_said(info) != shards]
    full = [name for name in others if there[name].state.last_seq]
    if full:
        found = _shards_said(there[full[0]])
        raise ShardsError(
            f"{', '.join(full)}: events of {found} shard{'s' * (found != 1)} found, CIFT_ENGINE_SHARDS is {shards}; "
            f"their number can't change under a journal that has events: set it to {found}"
        )
    return others


def _shards_said(info: StreamInfo) -> int:
    """Return of how many shards one has this stream."""
    said = re.search(r"shard \d+ of (\d+)", info.config.description or "")
    return int(said[1]) if said else 1


async def _look(js: JetStreamContext, name: str) -> StreamInfo | None:
    try:
        return await js.stream_info(name)
    except NotFoundError:
        return None


async def ensure_streams(js: JetStreamContext, *, replicas: int = 1, shards: int = 1) -> list[str]:
    """Create or update the streams; return what changed as lines like `created ORDERS`, empty when all was right.

    Raises:
        ShardsError: the journal's events are those of another number of shards; nothing was changed.
        nats.js.errors.APIError: the server refuses (no room, no permission, a change that it cannot make).
    """
    changed = []
    for name in await check_shards(js, shards):
        await js.delete_stream(name)
        changed.append(f"deleted {name}, which was empty")
    for stream in streams_of(shards):
        wanted = stream.config(replicas)
        actual = await _look(js, stream.name)
        if actual is None:
            await js.add_stream(wanted)
            changed.append(f"created {stream.name}")
            continue
        different = [name for name in _COMPARED if getattr(actual.config, name) != getattr(wanted, name)]
        if different:
            await js.update_stream(wanted)
            changed.append(f"updated {stream.name} ({', '.join(different)})")
    return changed
