"""One client of the WebSocket: what it asks, and a queue of bounded length of what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from cift.api.backend import Backend
from cift.api.live.hub import Topic
from cift.api.live.messages import Auth, Channel, Ping, Pong, RefusedError, Subscribe, Unsubscribed, decode_asked
from cift.api.metrics import STREAM_CUT_OFF, STREAM_MESSAGES
from cift.api.problems import Problem
from cift.api.reference import REFRESH_S, Principal
from cift.core.ending import end
from cift.core.serialization import encode

# What waits for a reader, in messages, above what the kernel holds. One that is further behind is cut off.
QUEUE = 1024
MAX_SUBSCRIPTIONS = 100
# One after the other: a message that can be followed forgives those before it.
MAX_ERRORS = 20

CutOff = Callable[[int, str], None]


class Connection:
    """A listener of the hub."""

    def __init__(self, websocket: WebSocket, cut_off: CutOff, principal: Principal, backend: Backend) -> None:
        self._websocket, self._cut_off = websocket, cut_off
        self._principal = principal
        self._hub, self._reference = backend.hub, backend.reference
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._topics: set[Topic] = set()
        self._errors = 0
        self._closed = False

    async def serve(self) -> None:
        """Follow the client until it leaves or is sent away."""
        sending, watching = asyncio.create_task(self._send()), asyncio.create_task(self._watch())
        try:
            while not self._closed and (message := await self._websocket.receive())["type"] == "websocket.receive":
                await self._heed(message.get("text"))
        finally:
            self._leave()
            await end(sending, watching)

    def offer(self, text: str) -> None:
        """Queue a message; cut off a client that is too far behind."""
        if self._closed:
            return
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            STREAM_CUT_OFF.inc()
            self.close(1013, "too slow")

    def close(self, code: int, reason: str) -> None:
        """Send the client away."""
        if not self._closed:
            self._leave()
            self._cut_off(code, reason)

    def _leave(self) -> None:
        self._closed = True
        for topic in self._topics:
            self._hub.leave(topic, self)
        self._topics.clear()

    async def _send(self) -> None:
        try:
            while True:
                await self._websocket.send_text(await self._queue.get())
                STREAM_MESSAGES.inc()
        except WebSocketDisconnect:
            return  # the receiving side hears of it as well

    async def _watch(self) -> None:
        """Send the client away once its key is withdrawn, or may do other things than it could."""
        while await self._reference.named(self._principal.key_id) == self._principal:  # noqa: ASYNC110
            await asyncio.sleep(REFRESH_S)
        self.close(1008, "the key is no longer valid")

    async def _heed(self, text: str | None) -> None:
        try:
            await self._follow(text)
            self._errors = 0
        except RefusedError as refusal:
            self._tell(refusal.error)
            self._errors += refusal.error.code != "unavailable"
            if self._errors >= MAX_ERRORS:
                self.close(1008, "too many errors")

    async def _follow(self, text: str | None) -> None:
        asked = decode_asked(text)
        if isinstance(asked, Ping):
            return self._tell(Pong())
        if isinstance(asked, Auth):
            raise RefusedError("op", "must not be auth: this connection is signed in")
        topic = self._topic(asked.channel, asked.symbol)
        if isinstance(asked, Subscribe):
            if len(self._topics | {topic}) > MAX_SUBSCRIPTIONS:
                return self.close(1008, "too many subscriptions")
            await self._hub.join(topic, self)
            self._topics.add(topic)
            return self._leave() if self._closed else None  # cut off by the first message
        if topic not in self._topics:
            raise RefusedError("channel", "is not subscribed to")
        self._topics.remove(topic)
        self._hub.leave(topic, self)
        return self._tell(Unsubscribed(channel=asked.channel, symbol=asked.symbol))

    def _topic(self, channel: Channel, symbol: str | None) -> Topic:
        if channel == "orders":
            if symbol is not None:
                raise RefusedError("symbol", "must be left out: orders come of all symbols")
            return channel, self._principal.account_id
        if symbol is None:
            raise RefusedError("symbol", f"is missing: {channel} is of one symbol")
        try:
            known = self._reference.instrument(symbol)
        except Problem as problem:
            raise RefusedError("symbol", problem.detail, problem.code) from None
        if known is None:
            raise RefusedError("symbol", "is not an instrument of this venue", "unknown_symbol")
        return channel, symbol

    def _tell(self, message: msgspec.Struct) -> None:
        self.offer(encode(message).decode())
