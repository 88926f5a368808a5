"""Messages: NATS core from publish to receive and from request to reply, JetStream from publish to acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter_ns

import numpy as np
import uvloop
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError, NoStreamResponseError

from cift.benchmarks.measure import Row, Samples, latency_row, skipped_row
from cift.benchmarks.profile import Profile
from cift.core.config import Settings
from cift.core.nats_client import SteadyClient, sign_in

SECTION = "Message Latency (NATS)"
KEYS = ("messages", "request_reply", "journal", "journal_r3")
_PAYLOAD = bytes(128)
# Written by a majority of three servers before it is acknowledged: what an order of a cluster waits for.
_COPIES = 3
_PATIENCE_S = 5.0


def measure(settings: Settings, profile: Profile) -> tuple[list[Row], dict[str, str]]:
    """Return the latencies of 128-byte messages, one at a time, and the server's version.

    The user needs `benchmark.>`, an inbox (`_INBOX.>`) and, for scratch streams that are deleted afterwards, the
    JetStream API. Three copies are measured where the servers are a cluster that has room for them.
    """
    return uvloop.run(_measure(settings, profile))


async def _measure(settings: Settings, profile: Profile) -> tuple[list[Row], dict[str, str]]:
    subject = f"benchmark.{secrets.token_hex(4)}"
    async with _connection(settings) as publisher, _connection(settings) as subscriber:
        core = await _core(publisher, subscriber, f"{subject}.core", profile)
        replies = await _requests(publisher, subscriber, f"{subject}.requests", profile)
        journal = await _journal(publisher, f"{subject}.journal", profile, copies=1)
        copied = await _copied(publisher, f"{subject}.copied", profile)
        server = publisher.connected_server_version
        version = f"{server.major}.{server.minor}.{server.patch}"
    rows = [
        latency_row("messages", SECTION, "publish to receive", "ms", core),
        latency_row("request_reply", SECTION, "request to reply", "ms", replies),
        latency_row("journal", SECTION, "publish to acknowledgement, on disk", "ms", journal),
        copied,
    ]
    return rows, {"nats-server": version}


@contextlib.asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[Client]:
    """Connect; a permission the server refuses becomes the reason of the timeout that it causes."""
    refused: list[Exception] = []

    async def on_error(error: Exception) -> None:
        refused.append(error)

    client = SteadyClient()
    await client.connect(
        **sign_in(settings),
        connect_timeout=3,
        allow_reconnect=False,
        error_cb=on_error,
    )
    try:
        yield client
    except TimeoutError as error:
        reason = str(refused[0]) if refused else f"no answer from {settings.nats_url} in {_PATIENCE_S:g} s"
        raise TimeoutError(reason) from error
    finally:
        await client.close()


async def _core(publisher: Client, subscriber: Client, subject: str, profile: Profile) -> list[Samples]:
    """Return the nanoseconds from a publish on one connection to its arrival on another, per repetition."""
    arrived: asyncio.Queue[int] = asyncio.Queue()

    async def on_message(message: Msg) -> None:
        arrived.put_nowait(perf_counter_ns())

    subscription = await subscriber.subscribe(subject, cb=on_message)
    await _until_heard(publisher, subject, arrived)

    async def once() -> int:
        await publisher.publish(subject, _PAYLOAD)
        return await asyncio.wait_for(arrived.get(), _PATIENCE_S)

    samples = await _repeated(profile.repetitions, profile.messages, once)
    await subscription.unsubscribe()
    return samples


async def _repeated(repetitions: int, count: int, once: Callable[[], Awaitable[int]]) -> list[Samples]:
    """Return the nanoseconds that `once`, which says when it was done, takes `count` times, per repetition.

    One repetition more goes before them, unmeasured.
    """
    measured = []
    for _ in range(repetitions + 1):
        samples = np.empty(count, dtype=np.int64)
        for index in range(count):
            start = perf_counter_ns()
            samples[index] = await once() - start
        measured.append(samples)
    return measured[1:]


async def _until_heard(publisher: Client, subject: str, arrived: asyncio.Queue[int]) -> None:
    """Publish until the first message comes back: a flush after `subscribe` doesn't prove that the server has it."""
    async with asyncio.timeout(_PATIENCE_S):
        while arrived.empty():
            await publisher.publish(subject, _PAYLOAD)
            await asyncio.sleep(0.05)
    while not arrived.empty():
        arrived.get_nowait()


async def _requests(asking: Client, answering: Client, subject: str, profile: Profile) -> list[Samples]:
    """Return the nanoseconds from a request on one connection to the reply of another, per repetition."""
    heard: asyncio.Queue[int] = asyncio.Queue()

    async def answer(message: Msg) -> None:
        if message.reply:
            await answering.publish(message.reply, message.data)
        else:
            heard.put_nowait(0)

    subscription = await answering.subscribe(subject, cb=answer)
    await _until_heard(asking, subject, heard)

    async def once() -> int:
        await asking.request(subject, _PAYLOAD, timeout=_PATIENCE_S)
        return perf_counter_ns()

    samples = await _repeated(profile.repetitions, profile.messages, once)
    await subscription.unsubscribe()
    return samples


async def _copied(client: Client, subject: str, profile: Profile) -> Row:
    """Return the row of a stream with three copies; skipped, with the server's reason, where there can't be one."""
    name = f"publish to acknowledgement, on {_COPIES} servers' disks"
    try:
        return latency_row("journal_r3", SECTION, name, "ms", await _journal(client, subject, profile, copies=_COPIES))
    except APIError as error:
        why = f"{error.description}: {_COPIES} copies need a cluster of {_COPIES} servers"
        return skipped_row("journal_r3", SECTION, name, "ms", why)


async def _journal(client: Client, subject: str, profile: Profile, *, copies: int) -> list[Samples]:
    """Return the nanoseconds from a publish to the stream's acknowledgement, per repetition.

    Raises:
        APIError: the server refused the stream.
    """
    stream = client.jetstream(timeout=_PATIENCE_S)
    name = subject.replace(".", "_").upper()
    await stream.add_stream(StreamConfig(name=name, subjects=[subject], storage=StorageType.FILE, num_replicas=copies))

    async def once() -> int:
        await stream.publish(subject, _PAYLOAD)
        return perf_counter_ns()

    try:
        await _until_kept(stream, subject)
        return await _repeated(profile.repetitions, profile.journal_messages, once)
    finally:
        await stream.delete_stream(name)


async def _until_kept(stream: JetStreamContext, subject: str) -> None:
    """Publish until the first message is acknowledged: the servers of a new stream may still be choosing its leader."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            with contextlib.suppress(NoStreamResponseError):
                await stream.publish(subject, _PAYLOAD)
                return
            await asyncio.sleep(0.05)
