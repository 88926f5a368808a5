"""Reads a stream in order, from a sequence on, for ever: nothing left out, nothing twice, bounded memory.

A pull request stands at the server while we wait, so that a message comes as soon as it is stored, and the next is made
when half of it is used up; never more than some three requests' worth is on its way or here. The consumer is thrown
away and made anew after the last message read whenever there is any doubt: a gap in its numbers, a lost connection, a
restarted server, a heartbeat that does not come.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque

from cift_core.nats import Stored
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from cift.core.correlation import CORRELATION, TRACE
from cift.core.ending import end
from cift.core.nats_manager import NatsManager

__all__ = ["BATCH", "Stored", "StreamReader"]

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
        self._finished = self._nudged = False
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

    @property
    def queued(self) -> int:
        """Return how many of them are here already."""
        return len(self._queue)

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
            await end(self._task)
        await self._leave()

    def finish(self) -> None:
        """Let `next` return an empty list from now on."""
        self._finished = True
        self._arrived.set()

    def nudge(self) -> None:
        """Let `next` return now, if it waits, with nothing."""
        self._nudged = True
        self._arrived.set()

    async def next(self, limit: int = 256) -> list[Stored]:
        """Wait for messages and return up to `limit` of them, in order; none after `finish` or a `nudge`."""
        while not self._queue or self._finished:
            if self._finished or self._nudged:
                self._nudged = False
                return []
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            if self._asked <= BATCH // 2:
                await self._ask()
            await self._arrived.wait()
        self._nudged = False
        batch = self.take(limit)
        if self._asked <= BATCH // 2 and len(self._queue) <= BATCH // 2:
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
            await end(beginning, doubting)

    async def _leave(self) -> None:
        old, self._subscription = self._subscription, None
        if old is not None:
            self._nats.client.unwatch(old)
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
        self._asked, self._expected = 0, 1
        inbox = self._nats.client.new_inbox()
        self._subscription = await self._nats.client.subscribe(inbox, cb=self._on_message, pending_bytes_limit=0)
        self._nats.client.watch(self._subscription, self)
        self._heard = asyncio.get_running_loop().time()
        await self._ask()

    async def _ask(self) -> None:
        if self._subscription is None or not self._nats.connected:
            return  # `_begin` asks
        self._asked += BATCH
        request = {"batch": BATCH, "expires": int(EXPIRES_S * 1e9), "idle_heartbeat": int(HEARTBEAT_S * 1e9)}
        await self._nats.client.publish(
            self._request_subject, json.dumps(request).encode(), reply=self._subscription.subject
        )

    async def _on_message(self, message: Msg) -> None:
        """Take what nats-py's own parser read; the core's gives `on_stored` and `on_status` the same."""
        if not message.reply:
            await self.on_status(message.sid, int((message.headers or {}).get("Status", "0")))
            return
        # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<time>.<pending>
        tokens = message.reply.split(".")
        at = 5 if len(tokens) == 9 else 7
        headers = message.headers or {}
        origin = headers.get(CORRELATION, ""), headers.get(TRACE, "")
        stored = Stored(int(tokens[at]), message.subject, message.data, *origin)
        self.on_stored(message.sid, int(tokens[at + 1]), int(tokens[at + 3]), [stored])

    def on_stored(self, sid: int, first: int, waiting: int, messages: list[Stored]) -> None:
        """Queue messages that the consumer numbered from `first` on; begin anew where some are missing before them."""
        if self._subscription is None or sid != self._subscription._id or not self._expected:
            return  # of a consumer given up
        self._heard = asyncio.get_running_loop().time()
        if first != self._expected:
            log.warning("%s: message %d of its consumer came instead of %d", self._stream, first, self._expected)
            self._expected = 0
            self._doubt.set()
            return
        self._expected += len(messages)
        self._asked -= len(messages)
        self._last_queued = messages[-1].seq
        self.waiting = waiting
        self._queue.extend(messages)
        self._arrived.set()

    async def on_status(self, sid: int, status: int | None) -> None:
        """Go on after a heartbeat or a request's end; begin anew after anything else."""
        if self._subscription is None or sid != self._subscription._id:
            return
        self._heard = asyncio.get_running_loop().time()
        if status == 100:
            return  # a heartbeat
        if status in (404, 408):  # this request is over
            self._asked = 0
            if len(self._queue) <= BATCH // 2:
                await self._ask()
            return
        await self._leave()
        self._doubt.set()
