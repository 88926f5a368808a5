"""Publishes to JetStream and reads back, as old/kafka_worker.py does to Kafka: the same messages, the same figures."""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter, perf_counter_ns

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import StorageType, StreamConfig
from nats.js.client import JetStreamContext

_SIZE, _WARM_S, _PATIENCE_S, _PENDING = 128, 1.0, 120.0, 4_000
_MOMENT = struct.Struct("<q")


class Latencies(msgspec.Struct):
    """Nanoseconds from a publish to its acknowledgement, and to the consumer."""

    acked: list[int]
    received: list[int]
    client: str = ""


class Rates(msgspec.Struct):
    """Messages a second acknowledged, and received."""

    acked: float
    received: float
    client: str = ""


class _Both:
    """A publisher and a push consumer, a connection each, on a file stream of one copy."""

    def __init__(self, stream: JetStreamContext, subject: str) -> None:
        self.stream, self.subject = stream, subject
        self.received: list[tuple[int, int]] = []
        self.acked: list[tuple[int, int]] = []
        self._wanted, self._there = 0, asyncio.Event()

    async def heard(self, message: Msg) -> None:
        """Note when a message came."""
        self.received.append((_MOMENT.unpack_from(message.data)[0], perf_counter_ns()))
        if len(self.received) == self._wanted:
            self._there.set()

    async def send(self) -> None:
        """Publish one message, and note when it was acknowledged."""
        sent = perf_counter_ns()
        await self.stream.publish(self.subject, _MOMENT.pack(sent).ljust(_SIZE, b"x"), timeout=_PATIENCE_S)
        self.acked.append((sent, perf_counter_ns()))

    async def all_there(self, count: int) -> None:
        """Wait until so many messages have come."""
        if len(self.received) >= count:
            return
        self._wanted = count
        self._there.clear()
        await asyncio.wait_for(self._there.wait(), _PATIENCE_S)


@asynccontextmanager
async def _both(port: int) -> AsyncIterator[_Both]:
    publisher, consumer = Client(), Client()
    name = f"BENCH_{secrets.token_hex(4)}"
    for client in (publisher, consumer):
        await client.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False)
    stream = publisher.jetstream(timeout=_PATIENCE_S, publish_async_max_pending=_PENDING)
    try:
        await stream.add_stream(StreamConfig(name=name, subjects=[name], storage=StorageType.FILE, num_replicas=1))
        both = _Both(stream, name)
        await consumer.jetstream().subscribe(name, cb=both.heard, ordered_consumer=True)
        yield both
        await stream.delete_stream(name)
    finally:
        for client in (publisher, consumer):
            await client.close()


async def latency(port: int, rate: float, seconds: float) -> Latencies:
    """Send at a fixed rate, whatever comes back."""
    count, warm = int(rate * (seconds + _WARM_S)), int(rate * _WARM_S)
    async with _both(port) as both:
        start, tasks = perf_counter(), []
        for index in range(count):
            left = start + index / rate - perf_counter()
            if left > 0:
                await asyncio.sleep(left)
            tasks.append(asyncio.create_task(both.send()))
        await asyncio.gather(*tasks)
        await both.all_there(count)
        acked, received = both.acked[warm:], both.received[warm:]
        return Latencies([then - sent for sent, then in acked], [then - sent for sent, then in received])


async def throughput(port: int, count: int) -> Rates:
    """Send as fast as it goes."""
    async with _both(port) as both:
        await both.send()
        await both.all_there(1)
        start = perf_counter_ns()
        for _ in range(count):
            moment = _MOMENT.pack(perf_counter_ns()).ljust(_SIZE, b"x")
            await both.stream.publish_async(both.subject, moment, wait_stall=_PATIENCE_S)
        await both.stream.publish_async_completed()
        acked = perf_counter_ns()
        await both.all_there(count + 1)
        return Rates(count * 1e9 / (acked - start), count * 1e9 / (both.received[-1][1] - start))
