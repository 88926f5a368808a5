"""One load on a running engine: a rate, a duration, and what came of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from cift.benchmarks.journal import orders, outcomes
from cift.benchmarks.journal.connection import BareConnection
from cift.benchmarks.journal.player import Listener, play
from cift.benchmarks.measure import Samples
from cift.core.config import Settings
from cift.core.nats_manager import NatsManager
from cift.core.serialization import event_head
from cift.core.shards import all_shards, shard_of
from cift.core.streams import ORDERS

_EVENTS, _ACKS = 1, 2
_REPLY = "_INBOX.load"
_PATIENCE_S = 60.0
_POLL_S = 0.2


@dataclass(frozen=True)
class Loaded:
    """Latencies in nanoseconds from when a command was due, without the warm-up; `decided` has one per command.

    `late` is how late commands were sent, which is within the others. `stored` events are on the stream.
    """

    rate: float
    commands: int
    events: int
    stored: int
    seconds: float
    late: Samples
    acknowledged: Samples
    decided: Samples
    filled: Samples
    server_version: str


async def load(
    settings: Settings, symbols: list[str], *, rate: float, seconds: float, warm_up_s: float = 2.0, seed: int = 1
) -> Loaded:
    """Write commands to ORDERS at `rate` a second for `seconds` after a warm-up, and follow them to their events.

    `settings` are those of a NATS user that may write orders; nobody else may write any meanwhile, and the engine (of
    each shard, where there are several) must be at work. `seconds` in the result are from the first command to the
    last outcome.

    Raises:
        RuntimeError: a command was refused, has no outcome within a minute, or more than one.
    """
    async with NatsManager(settings, name="cift-load") as nats:
        before = (await nats.js.stream_info(ORDERS.name)).state.last_seq
        events_before = await _stored(nats, settings.engine_shards)
        count = max(1, round(rate * (seconds + warm_up_s)))
        flow = orders.make(symbols, rate, count, first=before + 1, reply=_REPLY, seed=seed)
        with BareConnection(settings) as receiving, BareConnection(settings) as sending:
            receiving.subscribe("events.>", _EVENTS)
            receiving.subscribe(_REPLY, _ACKS)
            receiving.settle()
            listener = Listener(receiving)
            start, late = await asyncio.to_thread(play, flow, sending)
            # A shard decides in the journal's order: whose last command is decided is through.
            in_turn = sorted(flow.last.items(), key=lambda each: each[1])
            lasts = {shard_of(symbol, settings.engine_shards): last for symbol, last in in_turn}
            await _quiet(listener, set(lasts.values()))
            version = sending.server_version
        listener.join()
        found = outcomes.read(listener.arrivals, first=before + 1, count=count, events=_EVENTS, acks=_ACKS)
        stored = await _stored(nats, settings.engine_shards) - events_before
    measured = flow.due_ns >= warm_up_s * 1e9
    due = start + flow.due_ns
    filled = measured & (found.filled_ns > 0)
    return Loaded(
        rate=rate,
        commands=count,
        events=found.events,
        stored=stored,
        seconds=(int(found.decided_ns.max()) - start) / 1e9,
        late=late[measured],
        acknowledged=(found.acknowledged_ns - due)[measured],
        decided=(found.decided_ns - due)[measured],
        filled=(found.filled_ns - due)[filled],
        server_version=version,
    )


async def _stored(nats: NatsManager, shards: int) -> int:
    """Return how many events all shards have stored."""
    return sum([(await nats.js.stream_info(shard.stream)).state.last_seq for shard in all_shards(shards)])


async def _quiet(listener: Listener, lasts: set[int]) -> None:
    """Wait until these commands' outcomes are here: nothing more comes then."""
    deadline = time.monotonic() + _PATIENCE_S
    looked_at = 0
    while time.monotonic() < deadline:
        await asyncio.sleep(_POLL_S)
        tail, end = bytes(listener.arrivals.data[looked_at:]), 0
        for number, payload, after in outcomes.payloads(tail):
            end = after
            if number == _EVENTS:
                lasts.discard(event_head(payload)[1])
        if not lasts:
            await asyncio.sleep(_POLL_S)  # for the rest of their events
            return
        looked_at += end
    raise RuntimeError(f"command {min(lasts)} has no outcome after {_PATIENCE_S:g} s")
