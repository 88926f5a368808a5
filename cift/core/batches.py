"""The journal by the batch, to messages on their way: plain commands decided by the core, all else by the matcher.

Nearly all commands are plain orders and cancels, and what Python takes to decide one and to write its events down is
most of what an engine costs. So the core decides those on the matcher's own state, one call for as many as follow each
other, and stops before anything else. It decides as `Matcher.apply` does, and says it in the same bytes: which of the
two did it nobody can find out, but by the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from cift_core.deciding import PlainDecider

from cift.core.deciding import Decider
from cift.core.engine_metrics import MATCHING, REJECTS
from cift.core.messages import Fill
from cift.core.outbox import Outgoing
from cift.core.said import decide, event_message, is_told, origin_of, tell, trade_message
from cift.core.serialization import stream_encoder
from cift.core.stream_reader import Stored

StreamFormat = Literal["capnp", "json"]
By = Literal["core", "python"]


@dataclass(slots=True)
class Said:
    """What a batch came to; `number` and `traded` are those of the last event and of the last trade ever."""

    number: int
    traded: int
    events: list[Outgoing] = field(default_factory=list)
    trades: list[Outgoing] = field(default_factory=list)
    commands: int = 0
    by_core: int = 0
    """How many of the commands the core decided."""
    ts: int | None = None
    """The time of the last event's command, in nanoseconds since 1970; None without any event."""


class Batches:
    """Decides batches that were never decided before, and counts what they came to."""

    def __init__(self, decider: Decider, stream_format: StreamFormat, by: By) -> None:
        """`by` "python" leaves the core out of it, as does a format of the stream that it doesn't write."""
        self._decider = decider
        self._encode = stream_encoder(stream_format)
        shard = decider.shard
        self._core: PlainDecider | None = None
        if by == "core" and stream_format == "capnp":
            self._core = PlainDecider(Outgoing, shard.event_subject(""), shard.number, shard.count)

    def decide(self, batch: list[Stored], number: int, traded: int) -> Said:
        """Decide a batch, behind event `number` and trade `traded`."""
        said, telling = Said(number, traded), is_told()
        at = 0
        while at < len(batch):
            if self._core is not None and not telling:
                at = self._plain(self._core, batch, at, said)
                if at == len(batch):
                    break
            for stored in self._decider.new(batch[at : at + 1]):
                self._any(stored, said, telling)
            at += 1
        return said

    def _plain(self, core: PlainDecider, batch: list[Stored], at: int, said: Said) -> int:
        """Decide the plain commands from place `at` on; return the place of the first message that is none."""
        matcher = self._decider.matcher
        state = matcher.plain()
        if state is None:
            return at
        so_far = matcher.sequence, said.number, said.traded
        done = core.decide(batch, at, state, so_far, said.events, said.trades)
        matcher.sequence, said.number, said.traded = done.sequence, done.number, done.trades
        said.commands += done.commands
        said.by_core += done.commands
        if done.ts is not None:
            said.ts = done.ts
        for took in done.took_us:
            MATCHING.observe(took)
        for code in done.refused:
            REJECTS.labels(code).inc()
        return done.next

    def _any(self, stored: Stored, said: Said, telling: bool) -> None:
        """Decide whatever command it is."""
        said.commands += 1
        origin, decided = origin_of(stored), decide(stored, self._decider.decide)
        if telling:
            tell(stored, decided)
        for event in decided:
            said.number += 1
            said.ts = event.ts
            said.events.append(event_message(self._encode, self._decider.shard, said.number, event, origin))
            if isinstance(event, Fill):
                said.traded += 1
                said.trades.append(trade_message(self._encode, said.traded, event))
