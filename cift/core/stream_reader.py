"""Reads a stream in order, from a sequence on, for ever: nothing left out, nothing twice, bounded memory.

A pull request stands at the server while we wait, so that a message comes as soon as it is stored, and never more than
one request's worth is on its way. The consumer is thrown away and made anew after the last message read whenever there
is any doubt: a gap in its numbers, a lost connection, a restarted server, a heartbeat that does not come.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from cift.core.nats_manager import NatsManager

log = logging.getLogger(__name__)

BATCH = 1024
# A consumer ends with the server that it was on, while our own connection to another one stands: three heartbeats
# that don't come are all that tells us.
HEARTBEAT_S = 0.5
EXPIRES_S = 30.0
# How long a server may take to make a consumer, and how soon it is asked again. A request to a cluster that elects a
# leader, or to a server that went, is never answered.
MAKE_S = 1.0
RETRY_S = (0.1, 1.0)


class Stored(NamedTuple):
    """One message of a stream and its sequence there."""

    seq: int
    subject: str
    data: bytes


class StreamReader:
    """Use: `async with StreamReader(nats, "ORDERS", start=1) as reader: batch = await reader.next()`."""

    def __init__(
        self, nats: NatsManager, stream: str, *, start: int = 1, subject: str = "", newest: bool = False
    ) -> None:
        """Read `stream` from sequence `start`, of `subject` alone if given, with `newest` only its last one each."""
        self._nats, self._stream, self._subject, self._newest = nats, stream, subject, newest
        self.position = max(0, start - 1)
        self.waiting = 0
        self._queue: deque[Stored] = deque()
        self._arrived = asyncio.Event()
        self._finished = False
        self._doubt = asyncio.Event()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._request_subject = ""
        self._asked = self._expected = self._last_queued = 0
        self._heard = 0.0

    @property
    def lag(self) -> int:
        """Return how many messages the stream had behind the last one handed out, as far as heard."""
        return len(self._queue) + self.waiting

    async def __aenter__(self) -> StreamReader:
        self._last_queued = self.position
        self._forget = self._nats.on_reconnect(self._reconnected)
        self._doubt.set()
        self._task = asyncio.create_task(self._keep_up())
        self._task.add_done_callback(self._ended)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._forget()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._leave()

    def finish(self) -> None:
        """Let `next` return an empty list from now on."""
        self._finished = True
        self._arrived.set()

    async def next(self, limit: int = 256) -> list[Stored]:
        """Wait for messages and return up to `limit` of them, in order; none after `finish`."""
        while not self._queue or self._finished:
            if self._finished:
                return []
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            if self._asked <= 0:
                await self._ask()
            await self._arrived.wait()
        batch = self.take(limit)
        if self._asked <= 0 and len(self._queue) <= BATCH // 2:
            await self._ask()
        return batch

    def take(self, limit: int) -> list[Stored]:
        """Return what is here already, up to `limit` messages, in order."""
        batch = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
        if batch:
            self.position = batch[-1].seq
        return batch

    def _ended(self, keeping_up: asyncio.Task[None]) -> None:
        """Have a defect raised by `next`, which would wait for ever."""
        if not keeping_up.cancelled() and (defect := keeping_up.exception()) is not None:
            self._failure = defect
            self._arrived.set()

    async def _reconnected(self) -> None:
        self._doubt.set()

    async def _keep_up(self) -> None:
        loop = asyncio.get_running_loop()
        wait, longest = RETRY_S
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._doubt.wait()
            except TimeoutError:
                silent = loop.time() - self._heard > 3 * HEARTBEAT_S
                if not (silent and self._asked > 0):
                    continue
                log.warning("%s: the server is silent, asking anew", self._stream)
            self._doubt.clear()
            try:
                await self._begin_in_doubt()
                wait = RETRY_S[0]
            except (Error, OSError, TimeoutError) as error:
                log.warning("%s: %s; trying again", self._stream, str(error) or type(error).__name__)
                await asyncio.sleep(wait)
                wait = min(longest, wait * 2)
                self._doubt.set()

    async def _begin_in_doubt(self) -> None:
        """Begin, and leave off as soon as there is a new doubt: what is asked of a lost server has no answer."""
        beginning = asyncio.create_task(self._begin())
        doubting = asyncio.create_task(self._doubt.wait())
        try:
            await asyncio.wait((beginning, doubting), return_when=asyncio.FIRST_COMPLETED)
            if beginning.done():
                beginning.result()
        finally:
            for task in (beginning, doubting):
                task.cancel()
            await asyncio.gather(beginning, doubting, return_exceptions=True)

    async def _leave(self) -> None:
        old, self._subscription = self._subscription, None
        if old is not None and not self._nats.client.is_closed:
            try:
                await old.unsubscribe()
            except (Error, OSError):
                log.debug("%s: could not unsubscribe", self._stream)

    async def _begin(self) -> None:
        """Make a consumer that starts after the last message queued, and ask it."""
        await self._leave()
        first = self._last_queued == 0
        policy = DeliverPolicy.LAST_PER_SUBJECT if self._newest else DeliverPolicy.BY_START_SEQUENCE
        info = await self._nats.js.add_consumer(
            self._stream,
            ConsumerConfig(
                deliver_policy=DeliverPolicy.ALL if first and not self._newest else policy,
                opt_start_seq=None if first or self._newest else self._last_queued + 1,
                ack_policy=AckPolicy.NONE,
                filter_subject=self._subject or None,
                inactive_threshold=2 * EXPIRES_S,
                mem_storage=True,
                num_replicas=1,
            ),
            timeout=MAKE_S,
        )
        self._request_subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{info.name}"
        self._expected = 1
        inbox = self._nats.client.new_inbox()
        self._subscription = await self._nats.client.subscribe(inbox, cb=self._on_message, pending_bytes_limit=0)
        self._heard = asyncio.get_running_loop().time()
        await self._ask()

    async def _ask(self) -> None:
        if self._subscription is None or not self._nats.connected:
            return  # `_begin` asks
        self._asked = BATCH
        request = {"batch": BATCH, "expires": int(EXPIRES_S * 1e9), "idle_heartbeat": int(HEARTBEAT_S * 1e9)}
        await self._nats.client.publish(
            self._request_subject, json.dumps(request).encode(), reply=self._subscription.subject
        )

    async def _on_message(self, message: Msg) -> None:
        subscription = self._subscription
        if subscription is None or message.sid != subscription._id:
            return  # of a consumer given up
        self._heard = asyncio.get_running_loop().time()
        if not message.reply:
            await self._on_status((message.headers or {}).get("Status", ""))
            return
        # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<time>.<pending>
        tokens = message.reply.split(".")
        at = 5 if len(tokens) == 9 else 7
        seq, number = int(tokens[at]), int(tokens[at + 1])
        if number != self._expected:
            log.warning("%s: message %d of its consumer came instead of %d", self._stream, number, self._expected)
            await self._leave()
            self._doubt.set()
            return
        self._expected += 1
        self._asked -= 1
        self._last_queued = seq
        self.waiting = int(tokens[at + 3])
        self._queue.append(Stored(seq, message.subject, message.data))
        self._arrived.set()

    async def _on_status(self, status: str) -> None:
        if status == "100":
            return  # a heartbeat
        if status in ("404", "408"):  # this request is over
            self._asked = 0
            if len(self._queue) <= BATCH // 2:
                await self._ask()
            return
        await self._leave()
        self._doubt.set()
