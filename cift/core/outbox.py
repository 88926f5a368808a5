"""Publishes to a stream in order, many messages on their way at once, none lost and none twice.

One acknowledgement, for the last of a burst, proves all before it, because a server stores what comes over one
connection in order. So one is on its way at a time: bursts meanwhile ask for none, and the next one's proves them.
After any doubt (an error, silence, a lost connection) that holds no more: nothing new is sent until all that is not
proven has been sent again, and acknowledgements of what went before count for nothing. Message ids let the server drop
what it already has. With `chained`, every message also states the stream's last sequence before it, so that message n
is stored as sequence n or not at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

import msgspec
from cift_core.nats import publish_burst
from nats.aio.msg import Msg
from nats.errors import Error

from cift.core.client_metrics import SECONDS
from cift.core.correlation import origin
from cift.core.ending import end
from cift.core.nats_manager import NatsManager

log = logging.getLogger(__name__)

WINDOW = 4096
BURST = 256
SILENCE_S = 2.0
RETRY_S = 0.1
# How long what nobody asked an acknowledgement for may wait for a burst that does; then its last message goes again.
LATE_S = 0.01
# How long the stream's leader may take to say where the stream ends. While one is elected nobody answers at all.
LOOK_S = 1.0


class ForeignWriterError(RuntimeError):
    """Somebody else writes to the stream, or it holds what this journal never caused."""


class Outgoing(NamedTuple):
    """One message: `number` counts without gaps; chained, it is the sequence in the stream.

    `correlation` and `trace` name the request that it goes back to (see `cift.core.correlation`).
    """

    number: int
    subject: str
    message_id: str
    data: bytes
    correlation: str = ""
    trace: str = ""


class _Problem(msgspec.Struct):
    code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    error: _Problem | None = None


_ack = msgspec.json.Decoder(_Ack).decode


class Outbox:
    """One stream's messages on their way; `open`, `send`, `close`."""

    def __init__(self, nats: NatsManager, stream: str, *, chained: bool) -> None:
        self._nats, self._stream, self._chained = nats, stream, chained
        self._js = nats.client.jetstream(timeout=LOOK_S)
        self._unproven: deque[Outgoing] = deque()
        self._inbox = nats.client.new_inbox()
        self._progress = asyncio.Event()
        self._doubt = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._sent_at = 0.0
        self._epoch = self._losses = 0
        self._asked, self._asked_at = 0, 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._mending = False
        self._seconds = SECONDS.labels("nats", "burst")  # until its last message is known to be stored
        self._forget: Callable[[], None] = lambda: None
        self.failure: BaseException | None = None

    @property
    def unproven(self) -> int:
        """Return how many messages are not yet known to be stored."""
        return len(self._unproven)

    async def open(self) -> None:
        """Listen for acknowledgements."""
        self._nats.client.listen(await self._nats.subscribe(f"{self._inbox}.*.*", self._on_ack), self._acknowledged)
        self._losses = self._nats.losses
        self._forget = self._nats.on_reconnect(self._reconnected)
        self._tasks = [asyncio.create_task(self._mend())]
        self._tasks[0].add_done_callback(self._ended)

    async def close(self, timeout_s: float = 5.0) -> bool:
        """Wait until all is stored, at most `timeout_s` seconds; return whether it is."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.settled(0)
        except (TimeoutError, ForeignWriterError):
            pass
        self._forget()
        if self._timer is not None:
            self._timer.cancel()
        await end(*self._tasks)
        return not self._unproven

    async def send(self, messages: Iterable[Outgoing]) -> None:
        """Publish `messages` in order; waits only while more than `WINDOW` are not proven.

        Raises:
            ForeignWriterError: the stream is not ours alone.
        """
        burst = list(messages)
        for start in range(0, len(burst), BURST):
            part = burst[start : start + BURST]
            self._unproven.extend(part)
            if not self._nats.connected or self._nats.losses != self._losses:
                self._doubt.set()
            if not self._mending and not self._doubt.is_set():  # else `_mend` sends it, in its turn
                await self._publish(part)
            await self.settled(WINDOW)

    async def settled(self, most: int) -> None:
        """Wait until at most `most` messages are not proven."""
        while len(self._unproven) > most:
            self._progress.clear()
            if self.failure is not None:
                raise self.failure
            await self._progress.wait()
        if self.failure is not None:
            raise self.failure

    async def stored(self, number: int) -> None:
        """Wait until message `number` and all before it are known to be stored."""
        while self._unproven and self._unproven[0].number <= number:
            self._progress.clear()
            if self.failure is not None:
                raise self.failure
            await self._progress.wait()

    async def _publish(self, part: list[Outgoing]) -> None:
        now = asyncio.get_running_loop().time()
        client, last, reply = self._nats.client, part[-1].number, ""
        if not self._asked or now - self._asked_at > RETRY_S:
            self._asked, self._asked_at = last, now
            reply = f"{self._inbox}.{self._epoch}.{last}"
        self._sent_at = now
        try:
            if client.quick:
                client.send_burst(publish_burst(part, reply, self._chained))
                return
            for message in part:
                headers = {"Nats-Msg-Id": message.message_id} | origin(message.correlation, message.trace)
                if self._chained:
                    headers["Nats-Expected-Last-Sequence"] = str(message.number - 1)
                to = reply if message.number == last else ""
                await client.publish(message.subject, message.data, reply=to, headers=headers)
        except (Error, OSError) as error:
            log.warning("%s: %s; sending again", self._stream, str(error) or type(error).__name__)
            self._doubt.set()

    async def _on_ack(self, message: Msg) -> None:
        self._acknowledged(message.subject.encode(), message.data)

    def _acknowledged(self, subject: bytes, data: bytes) -> None:
        epoch, number = map(int, subject.split(b".")[-2:])
        if epoch != self._epoch or self._doubt.is_set():
            return
        if self._asked and number >= self._asked:
            self._asked = 0
            self._seconds.observe(asyncio.get_running_loop().time() - self._asked_at)
        try:
            ack = _ack(data or b"{}")
        except msgspec.DecodeError:
            ack = _Ack()
        if ack.seq == 0 or ack.error is not None:
            if self._unproven and number >= self._unproven[0].number:
                problem = ack.error.description if ack.error else "no such stream"
                log.warning("%s refused message %d: %s; sending again", self._stream, number, problem)
                self._doubt.set()
            return
        if self._chained and ack.seq != number:
            self._fail(f"stored message {number} as {ack.seq}")
            return
        self._prove(number)
        self._ask_later()

    def _ask_later(self) -> None:
        if self._unproven and not self._asked and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATE_S, self._ask)

    def _ask(self) -> None:
        """Find out what is stored, if no burst came that asks."""
        self._timer = None
        loop = asyncio.get_running_loop()
        if loop.time() - self._sent_at < LATE_S:
            self._ask_later()
        elif self._unproven and not (self._asked or self._mending or self._doubt.is_set()):
            # The last message once more, with a reply: the server has it, and says so. A chained one it would refuse.
            last = self._unproven[-1]
            self._asking = loop.create_task(self._look(last.number) if self._chained else self._publish([last]))

    async def _look(self, number: int) -> None:
        epoch = self._epoch
        with suppress(Error, OSError, TimeoutError):
            stored = (await self._js.stream_info(self._stream)).state.last_seq
            if epoch == self._epoch and stored >= number:
                self._prove(number)
                return
        self._ask_later()

    def _prove(self, number: int) -> None:
        while self._unproven and self._unproven[0].number <= number:
            self._unproven.popleft()
        self._progress.set()

    def _ended(self, mending: asyncio.Task[None]) -> None:
        """Have a defect raised by `send`: nobody would notice that nothing is sent again."""
        if not mending.cancelled() and (defect := mending.exception()) is not None:
            self.failure = defect
            self._progress.set()

    def _fail(self, what: str) -> None:
        self.failure = ForeignWriterError(
            f"stream {self._stream} {what}: somebody else writes to it; only one journal's engine may"
        )
        self._progress.set()

    async def _reconnected(self) -> None:
        self._doubt.set()

    async def _mend(self) -> None:
        """Send again what is not proven, after doubt or silence."""
        loop = asyncio.get_running_loop()
        while self.failure is None:
            try:
                async with asyncio.timeout(SILENCE_S):
                    await self._doubt.wait()
            except TimeoutError:
                if not self._unproven or loop.time() - self._sent_at < SILENCE_S:
                    continue
            if not self._nats.connected:
                await asyncio.sleep(RETRY_S)
                continue
            self._mending = True
            self._doubt.clear()
            try:
                await self._again()
            except (Error, OSError, TimeoutError) as error:
                log.warning("%s: %s; trying again", self._stream, str(error) or type(error).__name__)
                self._doubt.set()
            self._mending = False
            await asyncio.sleep(RETRY_S)  # let the answers come before doubting again

    async def _again(self) -> None:
        self._epoch += 1
        self._asked = 0
        self._losses = self._nats.losses
        # Also the question whether the stream is there yet: a server just started refuses the first of a burst and
        # takes the rest.
        last = (await self._js.stream_info(self._stream)).state.last_seq
        if self._chained:
            if self._unproven and last > self._unproven[-1].number:
                self._fail(f"is at {last}, past our message {self._unproven[-1].number}")
                return
            self._prove(last)
        sent = 0
        while waiting := [message for message in self._unproven if message.number > sent]:
            for start in range(0, len(waiting), BURST):
                await self._publish(waiting[start : start + BURST])
                if self._doubt.is_set() or self._losses != self._nats.losses:
                    self._doubt.set()
                    return
            sent = waiting[-1].number
