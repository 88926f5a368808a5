"""From what is stored in the journal to what a shard says of it: its matcher, and whose each command is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator

from cift.core.engine_metrics import MATCHING, REJECTS
from cift.core.matching import Matcher
from cift.core.messages import (
    AnyCommand,
    AnyEvent,
    KillSwitch,
    Rejected,
    SetAccountLimits,
    SetInstrument,
    SetLimits,
    SetRisk,
)
from cift.core.serialization import MessageError, decode_command
from cift.core.sessions import of_session
from cift.core.shards import Shard
from cift.core.stream_reader import Stored
from cift.core.streams import CONFIGURATION
from cift.core.telling import unreadable

log = logging.getLogger("engine")


class Decider:
    """One shard's matcher, driven by the journal as it is stored."""

    def __init__(self, shard: Shard, matcher: Matcher) -> None:
        self.shard, self.matcher = shard, matcher
        self.replaying = True
        """Whether what is decided was decided before: then nobody counts it."""

    def new(self, batch: Iterable[Stored]) -> Iterator[Stored]:
        """Give the commands of a batch that are to be decided next, and pass over those that are not ours."""
        for stored in batch:
            if stored.seq <= self.matcher.sequence:
                continue
            if self.shard.reads(stored.subject):
                yield stored
            else:
                self.matcher.sequence = stored.seq

    def decide(self, stored: Stored) -> list[AnyEvent]:
        """Decide a command, and return what of it is ours to tell."""
        events = self._apply(stored)
        return events if self.shard.tells(stored.subject) else []

    def _apply(self, stored: Stored) -> list[AnyEvent]:
        try:
            command = decode_command(stored.data)
            if stored.subject not in (f"orders.{command.symbol}", f"{CONFIGURATION}.{command.symbol}"):
                # Its events' subject would be its writer's choice, and perhaps none that any server takes.
                raise MessageError("command", "symbol", f"is not that of its subject {stored.subject}")
            if self.shard.count > 1 and _is_astray(stored.subject, command):
                raise MessageError("command", "type", f"is nothing that every shard reads on {stored.subject}")
        except MessageError as error:
            symbol = stored.subject.removeprefix("orders.")
            self.matcher.sequence = stored.seq
            REJECTS.labels("unreadable").inc()
            if not self.replaying:
                log.warning("command %d: %s", stored.seq, error, extra={"correlation_id": stored.correlation})
            return [unreadable(stored.seq, symbol, str(error))]
        started = time.perf_counter_ns()
        events = self.matcher.apply(stored.seq, command)
        if not self.replaying:
            MATCHING.observe((time.perf_counter_ns() - started) / 1e3)
            if events and isinstance(events[-1], Rejected):
                REJECTS.labels(events[-1].code).inc()
        return events


def _is_astray(subject: str, command: AnyCommand) -> bool:
    """Return whether a command stands where not all shards read it whom it concerns."""
    match command:
        case SetInstrument() | SetLimits():
            return not subject.startswith(f"{CONFIGURATION}.")
        case SetAccountLimits() | KillSwitch() | SetRisk():
            return not command.symbol.startswith("_") or command.symbol.startswith(of_session(""))
    return False
