"""The streams as data, and the call that makes a server have them.

ORDERS is the journal: when it is full it refuses the next command, so that the API can say so, and never drops an old
one. EVENTS follows the journal. MARKET_DATA and SIGNALS are bounded by age and size: the oldest messages go first. The
engine's snapshots spare its next start the journal up to the newest of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StoreCompression, StreamConfig
from nats.js.errors import NotFoundError

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

# What is compared with the server's side; it fills in more fields than one asks for.
_COMPARED = (
    "description", "subjects", "retention", "storage", "compression", "discard", "max_age", "max_bytes", "max_msgs",
    "max_msgs_per_subject",
    "duplicate_window", "num_replicas", "allow_direct", "deny_delete", "allow_rollup_hdrs",
)  # fmt: skip


async def ensure_streams(js: JetStreamContext, *, replicas: int = 1) -> list[str]:
    """Create or update the streams; return what changed as lines like `created ORDERS`, empty when all was right.

    Raises:
        nats.js.errors.APIError: the server refuses (no room, no permission, a change that it cannot make).
    """
    changed = []
    for stream in STREAMS:
        wanted = stream.config(replicas)
        try:
            actual = (await js.stream_info(stream.name)).config
        except NotFoundError:
            await js.add_stream(wanted)
            changed.append(f"created {stream.name}")
            continue
        different = [name for name in _COMPARED if getattr(actual, name) != getattr(wanted, name)]
        if different:
            await js.update_stream(wanted)
            changed.append(f"updated {stream.name} ({', '.join(different)})")
    return changed
