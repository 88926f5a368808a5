"""Batches, durable consumers, key-value and object stores, against a real server."""

from __future__ import annotations

import asyncio
import os

import pytest
from nats.aio.msg import Msg
from nats.js.errors import BucketNotFoundError
from prometheus_client import REGISTRY

from cift.core import nats_manager
from cift.core.nats_manager import BatchError, NatsManager, NatsUnavailableError
from cift.core.nats_stores import ConflictError, Entry
from tests.servers.nats import NatsServer


async def test_a_batch_is_stored_in_order_and_once(nats: NatsManager) -> None:
    batch = [("orders.AAPL", {"number": number}, f"batch.{number}") for number in range(600)]
    for again in (False, True):
        acks = await nats.publish_batch(batch)
        assert [ack.seq for ack in acks] == list(range(1, 601))
        assert all(bool(ack.duplicate) is again for ack in acks)
    assert (await nats.js.get_msg("ORDERS", 42)).data == b'{"number":41}'
    assert await nats.publish_batch([]) == []


async def test_a_batch_that_is_not_stored_says_how_much_is(nats: NatsManager, nats_server: NatsServer) -> None:
    with pytest.raises(BatchError, match=r"1 of 2 .* stored: .*no response from stream") as caught:
        await nats.publish_batch([("orders.AAPL", b"1", None), ("nowhere", b"2", None)])
    assert caught.value.stored == 1
    nats_server.kill()
    with pytest.raises((BatchError, NatsUnavailableError)):
        await nats.publish_batch([("orders.AAPL", b"1", None)], timeout_s=0.5)


async def test_a_durable_consumer_goes_on_where_it_stopped(nats: NatsManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_manager, "RETRY_S", (0.1, 1.0))
    seen: list[bytes] = []
    failed: set[bytes] = set()

    async def handle(message: Msg) -> None:
        if message.data == b"3" and b"3" not in failed:
            failed.add(b"3")
            raise RuntimeError("not now")
        seen.append(message.data)

    async def consumed(count: int) -> None:
        task = asyncio.create_task(nats.consume("ORDERS", "reader", handle, subject="orders.A"))
        async with asyncio.timeout(20):
            while len(seen) < count:
                assert not task.done()
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await nats.publish_batch([(f"orders.{'AB'[number % 6 == 5]}", str(number), None) for number in range(6)])
    await consumed(5)
    assert sorted(seen) == [b"0", b"1", b"2", b"3", b"4"]
    assert seen[-1] == b"3"  # it came again after the others
    await nats.publish_acked("orders.A", b"6")
    await consumed(6)
    assert seen[5:] == [b"6"]


async def test_keys_are_written_when_they_are_as_expected(nats: NatsManager) -> None:
    with pytest.raises(BucketNotFoundError):
        await nats.kv("limits")
    limits = await nats.kv("limits", make=True, history=2)
    assert await limits.keys() == []
    assert await limits.get("AAPL") is None
    first = await limits.create("AAPL", {"max": 1})
    assert await limits.get("AAPL") == Entry("AAPL", b'{"max":1}', first)
    with pytest.raises(ConflictError, match="key AAPL: somebody has written it, expected it absent"):
        await limits.create("AAPL", b"")
    second = await limits.update("AAPL", "two", first)
    with pytest.raises(ConflictError, match=f"expected it at revision {first}"):
        await limits.update("AAPL", "three", first)
    assert (await limits.get("AAPL")) == Entry("AAPL", b"two", second)
    await limits.put("MSFT", b"x")
    assert await limits.keys() == ["AAPL", "MSFT"]
    await limits.delete("AAPL")
    await limits.delete("NONE")
    assert await limits.get("AAPL") is None
    again = await nats.kv("limits")
    assert await again.keys() == ["MSFT"]
    assert await limits.create("AAPL", b"anew") > second


async def test_who_watches_sees_what_is_there_and_what_comes(nats: NatsManager) -> None:
    limits = await nats.kv("limits", make=True)
    await limits.put("a.x", b"1")
    seen: list[tuple[str, bytes | None]] = []

    async def watch() -> None:
        async for key, value, _ in limits.watch("a.*"):
            seen.append((key, value))

    watching = asyncio.create_task(watch())
    wanted: list[tuple[str, bytes | None]] = [("a.x", b"1"), ("a.y", b"2"), ("a.x", None)]
    async with asyncio.timeout(10):
        while not seen:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await limits.put("b.x", b"not watched")
        await limits.put("a.y", b"2")
        await limits.delete("a.x")
        while len(seen) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert seen == wanted


async def test_objects_of_any_size(nats: NatsManager) -> None:
    models = await nats.objects("models", make=True)
    assert await models.names() == []
    assert await models.get("alpha") is None
    data = os.urandom(1_500_000)
    await models.put("alpha", b"older")
    await models.put("alpha", data)
    await models.put("empty", b"")
    assert await models.get("alpha") == data
    assert await models.get("empty") == b""
    assert await models.names() == ["alpha", "empty"]
    assert await models.delete("alpha")
    assert not await models.delete("alpha")
    assert await (await nats.objects("models")).names() == ["empty"]


async def test_calls_are_timed(nats: NatsManager) -> None:
    def count(call: str) -> float:
        return REGISTRY.get_sample_value("cift_client_seconds_count", {"system": "nats", "call": call}) or 0.0

    before = count("publish")
    await nats.publish_acked("orders.AAPL", b"{}")
    assert count("publish") == before + 1
