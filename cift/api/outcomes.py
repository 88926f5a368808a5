"""The engine's answers, matched to the requests that wait for them.

One subscription on `events.>` per worker. An answer may overtake the acknowledgement that tells a request its command's
sequence, so the events of recent commands are kept for a while, undecoded, whether or not anybody waits yet. An engine
that comes back after a crash may say its last words twice: an event is filed under its position, so it counts once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from nats.aio.msg import Msg

from cift.core.messages import AnyEvent
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_event, event_head

# At 100,000 events a second this bridges some 80 ms between the engine's answer and JetStream's acknowledgement.
KEPT_COMMANDS = 8192


@dataclass(slots=True)
class _Outcome:
    parts: dict[int, bytes] = field(default_factory=dict)
    length: int | None = None
    waiting: asyncio.Future[None] | None = None

    @property
    def complete(self) -> bool:
        return len(self.parts) == self.length


class Outcomes:
    """Collects events by the sequence of the command that caused them."""

    def __init__(self) -> None:
        self._recent: OrderedDict[int, _Outcome] = OrderedDict()

    async def listen(self, nats: NatsManager) -> None:
        """Subscribe; the client subscribes again by itself after a reconnect."""
        subscription = await nats.subscribe("events.>", self._on_message)
        nats.client.listen(subscription, lambda _, data: self.add(data))

    async def _on_message(self, message: Msg) -> None:
        self.add(message.data)

    def add(self, data: bytes) -> None:
        """File one event."""
        _, seq, pos, last = event_head(data)
        outcome = self._entry(seq)
        outcome.parts[pos] = data
        if last:
            outcome.length = pos + 1
        if outcome.complete and outcome.waiting is not None and not outcome.waiting.done():
            outcome.waiting.set_result(None)

    def _entry(self, seq: int) -> _Outcome:
        outcome = self._recent.get(seq)
        if outcome is None:
            outcome = self._recent[seq] = _Outcome()
            while len(self._recent) > KEPT_COMMANDS:
                self._recent.popitem(last=False)
        return outcome

    async def wait(self, seq: int, timeout_s: float) -> list[AnyEvent] | None:
        """Return all events of command `seq`, in order; None when they are not whole after `timeout_s` seconds."""
        outcome = self._entry(seq)
        if not outcome.complete:
            if outcome.waiting is None:
                outcome.waiting = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(asyncio.shield(outcome.waiting), timeout_s)
            except TimeoutError:
                return None
        return [decode_event(outcome.parts[pos]) for pos in sorted(outcome.parts)]
