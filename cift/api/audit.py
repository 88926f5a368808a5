"""Who changed what, when, from where, with what outcome: an entry on stream AUDIT for each request that could change.

A stream and not a table: whoever changes anything needs NATS anyway, so that no other store can hold trading up, nor be
missing an entry for having been away. The API may append to it, and nobody may delete from it. What an order or a
change said in detail is in the journal, at the sequences in `commands`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cift.api.metrics import AUDIT_LOST, AUDIT_WAITING
from cift.api.problems import MEDIA_TYPE
from cift.core.correlation import current
from cift.core.ending import end
from cift.core.nats_manager import NatsManager
from cift.core.outbox import Outbox, Outgoing
from cift.core.serialization import encode
from cift.core.streams import AUDIT

log = logging.getLogger(__name__)

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MAX_PATH = 500
# What waits while NATS is away; nothing can change then, so that these are requests that failed.
WAITING = 10_000

COMMANDS: ContextVar[list[int] | None] = ContextVar("commands", default=None)
"""Sequences of the commands that the request at hand has appended to the journal."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request; `ts` in nanoseconds since 1970 (UTC), `key` the beginning of the key's id, `code` a refusal's."""

    v: int = 1
    ts: int
    account_id: int
    key: str
    address: str
    method: str
    path: str
    status: int
    code: str = ""
    commands: list[int] = []
    correlation_id: str = ""


class _Refusal(msgspec.Struct):
    code: str = ""


class AuditLog:
    """Entries on their way to the stream: in order, each once, without a request waiting for it."""

    def __init__(self, nats: NatsManager) -> None:
        self._outbox = Outbox(nats, AUDIT.name, chained=False)
        self._queue: asyncio.Queue[Entry] = asyncio.Queue(WAITING)
        self._run = f"{time.time_ns():x}.{os.getpid()}"
        self._number = 0
        self._sending: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to send."""
        await self._outbox.open()
        self._sending = asyncio.create_task(self._send())

    async def close(self, timeout_s: float = 3.0) -> None:
        """Send what waits, for `timeout_s` seconds at most."""
        if self._sending is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), timeout_s)
        await end(self._sending)
        if not await self._outbox.close(timeout_s):
            AUDIT_LOST.inc(self._outbox.unproven)
            log.error("audit: %d entries may not have been stored", self._outbox.unproven)

    def put(self, entry: Entry) -> None:
        """Queue an entry."""
        try:
            self._queue.put_nowait(entry)
            AUDIT_WAITING.inc()
        except asyncio.QueueFull:
            AUDIT_LOST.inc()
            log.error("audit: %d entries wait for NATS; lost: %s", WAITING, encode(entry).decode())

    async def _send(self) -> None:
        while True:
            entries = [await self._queue.get()]
            while not self._queue.empty():
                entries.append(self._queue.get_nowait())
            await self._outbox.send(self._outgoing(entry) for entry in entries)
            AUDIT_WAITING.dec(len(entries))
            for _ in entries:
                self._queue.task_done()

    def _outgoing(self, entry: Entry) -> Outgoing:
        self._number += 1
        message_id = f"{self._run}.{self._number}"
        return Outgoing(self._number, f"audit.{entry.account_id}", message_id, encode(entry))


class Audited:
    """Write down every request that could change something, of whoever proved who they are."""

    def __init__(self, app: ASGIApp, audit: Callable[[], AuditLog]) -> None:
        self.app = app
        self.audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look at its answer."""
        principal = scope.get("state", {}).get("principal")
        if principal is None or scope["type"] != "http" or scope["method"] not in CHANGING:
            return await self.app(scope, receive, send)
        commands: list[int] = []
        COMMANDS.set(commands)
        status, code, refused = 500, "", False

        async def watch(message: Message) -> None:
            nonlocal status, code, refused
            if message["type"] == "http.response.start":
                status = message["status"]
                refused = (b"content-type", MEDIA_TYPE.encode()) in message.get("headers", ())
            elif refused and not code:
                with suppress(msgspec.MsgspecError):
                    code = msgspec.json.decode(message.get("body", b""), type=_Refusal).code
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            query = scope["query_string"].decode("latin-1")
            self.audit().put(
                Entry(
                    ts=time.time_ns(),
                    account_id=principal.account_id,
                    key=principal.key_id[:16],
                    address=scope["client"][0] if scope.get("client") else "",
                    method=scope["method"],
                    path=(scope["path"] + ("?" + query if query else ""))[:MAX_PATH],
                    status=status,
                    code=code,
                    commands=commands,
                    correlation_id=current().correlation,
                )
            )
