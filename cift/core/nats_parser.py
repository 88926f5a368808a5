"""What a NATS server sends, read in the core: a chunk of the connection at a time, a stream's messages in batches.

nats-py's own way costs a regular expression, a turn of its reading task, a queue and a turn of the subscription's task
for every message. Here who waits for a stream's messages has them before the chunk's callback returns. All that keeps
the connection alive stays nats-py's, and no other thread has to be woken for a message, as one of a client with threads
of its own (async-nats) would.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from cift_core.nats import NatsParser, NatsProtocolError, Stored
from nats.errors import Error, ProtocolError, UnexpectedEOF

if TYPE_CHECKING:
    from nats.aio.client import Client

log = logging.getLogger(__name__)


class Tap(Protocol):
    """Who gets what a stream's consumer delivers on a subscription."""

    def on_stored(self, sid: int, first: int, waiting: int, messages: list[Stored]) -> None:
        """Take messages, numbered from `first` on by their consumer, which had `waiting` behind them."""

    async def on_status(self, sid: int, status: int | None) -> None:
        """Take what the server says of the consumer or of the last request."""


# Gets subject and payload of a message.
Listener = Callable[[bytes, bytes], None]


class QuickParser:
    """Has the calls of `nats.protocol.parser.Parser`, and takes a connection's bytes before its reading task does."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._core = NatsParser()
        self._taps: dict[int, Tap] = {}
        self._listeners: dict[int, Listener] = {}
        self._rest: deque[tuple[Any, ...]] = deque()
        self._task: asyncio.Task[None] | None = None

    def reset(self) -> None:
        """Forget the connection before."""
        self._core.reset()
        self._rest.clear()

    def watch(self, sid: int, tap: Tap) -> None:
        """Give what comes on a subscription, which is a consumer's, to `tap`."""
        self._taps[sid] = tap
        self._core.watch(sid)

    def unwatch(self, sid: int) -> None:
        """End `watch`."""
        self._taps.pop(sid, None)
        self._core.unwatch(sid)

    def listen(self, sid: int, listener: Listener) -> None:
        """Give what comes on a subscription to `listener` at once."""
        self._listeners[sid] = listener

    def attach(self, reader: asyncio.StreamReader) -> None:
        """Take what comes on a new connection as it comes; nats-py's reading task is left the end of it."""
        self.reset()
        left = bytes(reader._buffer)  # type: ignore[attr-defined]
        reader._buffer.clear()  # type: ignore[attr-defined]
        reader.feed_data = self._take  # type: ignore[method-assign, assignment]
        self._take(left)

    async def parse(self, data: bytes = b"") -> None:
        """Take bytes that came through nats-py's reading task."""
        self._take(data)

    def _take(self, data: bytes | bytearray | memoryview) -> None:
        try:
            said = self._core.feed(bytes(data))
        except NatsProtocolError as error:
            said = [("broken", str(error))]  # type: ignore[list-item]
        for each in said:
            if each[0] == "stored":
                if tap := self._taps.get(each[1]):
                    tap.on_stored(*each[1:])
            elif each[0] == "message" and (listener := self._listeners.get(each[1])):
                try:
                    listener(each[2], each[4])
                except Exception:
                    log.exception("nats: a message on %s was not understood", each[2].decode(errors="replace"))
            else:
                self._rest.append(each)
        if self._rest and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        """Have nats-py do the rest, which may need to wait."""
        try:
            while self._rest:
                await self._pass_on(self._rest.popleft())
        except (Error, OSError) as error:
            await self._client._process_op_err(error)
        except Exception:
            log.exception("nats: what the server said could not be handled; connecting anew")
            await self._client._process_op_err(UnexpectedEOF())

    async def _pass_on(self, said: tuple[Any, ...]) -> None:
        client = self._client
        match said:
            case ("message", sid, subject, reply, payload, headers):
                await client._process_msg(sid, subject, reply, payload, headers)
            case ("status", sid, status):
                if tap := self._taps.get(sid):
                    await tap.on_status(sid, status)
            case ("ping",):
                await client._process_ping()
            case ("pong",):
                await client._process_pong()
            case ("error", text):
                await client._process_err(text.decode(errors="replace").lower())
            case ("info", text):
                await client._process_info(json.loads(text))
            case ("broken", problem):
                raise ProtocolError(problem)
