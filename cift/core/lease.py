"""One holder at a time: a key in NATS' key-value store that its holder writes anew several times a second.

Who wants it listens to those writes. Where none came for `EXPIRES_S` it writes the key itself, on the condition that
it is still as it was seen; the server lets one of them through. A holder that stops frees it at once.

The lease only decides who works, so that two don't. That a former holder can't write any more is for the stream to
say, which stores each message behind the one that it was meant to follow (`cift.core.outbox`). Where a store can't say
so, a lease that expires slowly and a holder that asks `sure` before it writes keep two from writing at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time

from nats.aio.msg import Msg
from nats.errors import Error
from nats.js.errors import APIError, NotFoundError

from cift.core.ending import end
from cift.core.nats_manager import NatsManager, NatsUnavailableError
from cift.core.streams import LEASE_BUCKET, LEASES

log = logging.getLogger(__name__)

EXPIRES_S = 0.6
RENEW_S = 0.15
# Of who loses nothing by waiting, and would do harm by working while he is taken for dead.
SLOW = {"expires_s": 10.0, "renew_s": 1.0}
# A write that isn't answered by then is taken for lost; the next one shows whether it was.
ANSWER_S = 0.5
_FREE = b""
_WRONG_LAST_SEQUENCE = 10071  # the server's error code


class LeaseLostError(RuntimeError):
    """Somebody else has it, or may have it by now."""


def this_process() -> str:
    """Return the name of this process as a holder."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_gone(holder: str) -> bool:
    """Return whether a holder was a process of this host that is no more: nobody has to wait for its lease."""
    host, _, process = holder.rpartition(":")
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # another user's
    return False


class Lease:
    """`async with Lease(nats, "engine", this_process()) as lease`: `acquired()` waits for it, `lost` tells its end."""

    def __init__(
        self, nats: NatsManager, key: str, holder: str, *, expires_s: float = EXPIRES_S, renew_s: float = RENEW_S
    ) -> None:
        self._nats, self._holder, self._expires_s, self._renew_s = nats, holder.encode(), expires_s, renew_s
        self._written_at = -float("inf")
        self._subject = f"$KV.{LEASE_BUCKET}.{key}"
        self._revision = 0
        self._heard_at = -float("inf")
        self._freed = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None
        self.lost = asyncio.Event()

    async def __aenter__(self) -> Lease:
        self._listening = await self._nats.subscribe(self._subject, self._on_write)
        self._heard_at = time.monotonic()  # somebody may be there whom we have not heard yet
        self._freed.set()  # or nobody: the first look tells
        return self

    async def __aexit__(self, *_: object) -> None:
        held = self._renewing is not None and not self.lost.is_set()
        if self._renewing is not None:
            await end(self._renewing)
        try:
            await self._listening.unsubscribe()
            if held:
                await self._write(_FREE)
        except (Error, OSError, TimeoutError):
            pass  # it expires

    async def acquired(self) -> None:
        """Return once it is ours; from then on it is kept."""
        while True:
            silence = self._expires_s - (time.monotonic() - self._heard_at)
            try:
                async with asyncio.timeout(max(0.0, silence)):
                    await self._freed.wait()
            except TimeoutError:
                if time.monotonic() - self._heard_at < self._expires_s:
                    continue
            was_free = self._freed.is_set()
            self._freed.clear()
            try:
                if await self._take(only_free=was_free):
                    break
            except (Error, OSError, TimeoutError, NatsUnavailableError) as error:
                log.warning("lease %s: %s; trying again", self._subject, str(error) or type(error).__name__)
                await asyncio.sleep(self._renew_s)
            # Somebody else has it: he has as long as anybody.
            self._heard_at = time.monotonic()
        self._renewing = asyncio.create_task(self._renew())

    async def _take(self, *, only_free: bool) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                now = await self._nats.js.get_last_msg(LEASES.name, self._subject, direct=False)
            self._revision, holder = now.seq or 0, now.data or _FREE
        except NotFoundError:
            self._revision, holder = 0, _FREE
        if only_free and holder not in (_FREE, self._holder) and not is_gone(holder.decode(errors="replace")):
            return False
        return await self._write(self._holder)

    async def _write(self, value: bytes) -> bool:
        """Write the key if it is still what it was; return whether it was."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(self._revision)}
        began = time.monotonic()
        try:
            ack = await self._nats.js.publish(self._subject, value, timeout=ANSWER_S, headers=headers)
        except APIError as error:
            if error.err_code != _WRONG_LAST_SEQUENCE:
                raise
            return False
        self._revision, self._written_at = ack.seq, began
        return True

    async def sure(self) -> None:
        """Return while nobody else can have it for another half of the time in which it expires.

        Waits for the next write where the last one is too old.

        Raises:
            LeaseLostError: it is lost.
        """
        while time.monotonic() - self._written_at > self._expires_s / 2:
            if self.lost.is_set():
                break
            await asyncio.sleep(self._renew_s / 2)
        if self.lost.is_set():
            raise LeaseLostError("the lease is lost")

    async def _renew(self) -> None:
        doubt = False
        while True:
            await asyncio.sleep(self._renew_s)
            try:
                if not await self._write(self._holder) and not (doubt and await self._was_ours()):
                    break
                doubt = False
            except (Error, OSError, TimeoutError, NatsUnavailableError):
                doubt = True  # it may have been written all the same
        self.lost.set()

    async def _was_ours(self) -> bool:
        """Return whether the write that made ours fail was our own, unanswered; goes on from it then."""
        now = await self._nats.js.get_last_msg(LEASES.name, self._subject, direct=False)
        if now.data != self._holder:
            return False
        self._revision = now.seq or 0
        return True

    async def _on_write(self, message: Msg) -> None:
        if message.data == _FREE:
            self._freed.set()
        else:
            self._heard_at = time.monotonic()


async def acquired(lease: Lease, stop: asyncio.Event) -> bool:
    """Wait for the lease or for `stop`; return whether it is ours."""
    taking, stopping = asyncio.create_task(lease.acquired()), asyncio.create_task(stop.wait())
    await asyncio.wait((taking, stopping), return_when=asyncio.FIRST_COMPLETED)
    ours = taking.done()
    await end(taking, stopping)
    return ours
