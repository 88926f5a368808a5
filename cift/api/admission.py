"""Whether another command may enter: a clear refusal now instead of an answer nobody waits for any more.

Two things are bounded: how many commands of this worker wait for an engine at once, and how far that engine is behind
the journal. That is for new and modified orders: whatever takes risk away always enters. Where several engines share
the instruments each is bounded by itself: one that is away leaves the others' orders alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from nats.errors import Error as NatsError

from cift.api.metrics import ENGINE_LAG, IN_FLIGHT, REFUSED
from cift.api.problems import Problem, unavailable
from cift.core.messages import ModifyOrder, NewOrder, status_subject
from cift.core.nats_manager import NatsManager, NatsUnavailableError
from cift.core.serialization import MessageError, decode_status
from cift.core.shards import Shard, all_shards, home_of

# How often the engine is asked how far it is behind, and how long it has to answer.
ASK_S = 0.25
ANSWER_S = 1.0


class Admission:
    """One worker's: `check` before a command is written, `waiting` around the wait for its outcome."""

    def __init__(self, nats: NatsManager, *, shards: int, max_in_flight: int, max_lag: int) -> None:
        self._nats, self._max_in_flight, self._max_lag = nats, max_in_flight, max_lag
        self._shards = all_shards(shards)
        self._in_flight = [0] * shards
        # Commands in the journal behind each engine's last one; None while it doesn't answer.
        self._lags: list[int | None] = [None] * shards

    def check(self, command: object) -> None:
        """Raise the 503 problem `overloaded` where the command must not enter."""
        if not isinstance(command, NewOrder | ModifyOrder):
            return
        shard = home_of(command.symbol, len(self._shards))
        in_flight, lag = self._in_flight[shard], self._lags[shard]
        if in_flight >= self._max_in_flight:
            raise _overloaded("in_flight", f"{in_flight} commands wait for the engine here")
        if lag is not None and lag > self._max_lag:
            raise _overloaded("lag", f"The engine is {lag} commands behind")

    @contextmanager
    def waiting(self, place: str) -> Iterator[None]:
        """Count a command at `place` from here on until it is through."""
        shard = home_of(place, len(self._shards))
        self._in_flight[shard] += 1
        IN_FLIGHT.inc()
        try:
            yield
        finally:
            self._in_flight[shard] -= 1
            IN_FLIGHT.dec()

    async def watch(self) -> None:
        """Ask each engine how far it is behind, for ever."""
        await asyncio.gather(*map(self._watch, self._shards))

    async def _watch(self, shard: Shard) -> None:
        while True:
            self._lags[shard.number] = await self._ask(shard) if self._nats.connected else None
            ENGINE_LAG.set(max(lag or 0 for lag in self._lags))
            await asyncio.sleep(ASK_S)

    async def _ask(self, shard: Shard) -> int | None:
        try:
            return decode_status(await self._nats.request(status_subject(shard.service), timeout_s=ANSWER_S)).lag
        except (NatsError, NatsUnavailableError, OSError, TimeoutError, MessageError):
            return None  # whoever it is that doesn't answer: what waits for it is counted


def _overloaded(reason: str, detail: str) -> Problem:
    REFUSED.labels(reason).inc()
    return unavailable("The engine", f"{detail}; nothing was placed, try again", code="overloaded")
