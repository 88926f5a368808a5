"""Whether another command may enter: a clear refusal now instead of an answer nobody waits for any more.

Two things are bounded: how many commands of this worker wait for the engine at once, and how far the engine is behind
the journal. That is for new and modified orders: whatever takes risk away always enters.
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

# How often the engine is asked how far it is behind, and how long it has to answer.
ASK_S = 0.25
ANSWER_S = 1.0


class Admission:
    """One worker's: `check` before a command is written, `waiting` around the wait for its outcome."""

    def __init__(self, nats: NatsManager, *, max_in_flight: int, max_lag: int) -> None:
        self._nats, self._max_in_flight, self._max_lag = nats, max_in_flight, max_lag
        self.in_flight = 0
        self.lag: int | None = None
        """Commands in the journal behind the engine's last one; None while it doesn't answer."""

    def check(self, command: object) -> None:
        """Raise the 503 problem `overloaded` where the command must not enter."""
        if not isinstance(command, NewOrder | ModifyOrder):
            return
        if self.in_flight >= self._max_in_flight:
            raise _overloaded("in_flight", f"{self.in_flight} commands wait for the engine here")
        if self.lag is not None and self.lag > self._max_lag:
            raise _overloaded("lag", f"The engine is {self.lag} commands behind")

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a command from here on until it is through."""
        self.in_flight += 1
        IN_FLIGHT.inc()
        try:
            yield
        finally:
            self.in_flight -= 1
            IN_FLIGHT.dec()

    async def watch(self) -> None:
        """Ask the engine how far it is behind, for ever."""
        while True:
            self.lag = await self._ask() if self._nats.connected else None
            ENGINE_LAG.set(self.lag or 0)
            await asyncio.sleep(ASK_S)

    async def _ask(self) -> int | None:
        try:
            return decode_status(await self._nats.request(status_subject("engine"), timeout_s=ANSWER_S)).lag
        except (NatsError, NatsUnavailableError, OSError, TimeoutError, MessageError):
            return None  # whoever it is that doesn't answer: what waits for it is counted


def _overloaded(reason: str, detail: str) -> Problem:
    REFUSED.labels(reason).inc()
    return unavailable("The engine", f"{detail}; nothing was placed, try again", code="overloaded")
