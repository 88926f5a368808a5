"""Typed values, sessions, locks and rates in the cache, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from prometheus_client import REGISTRY

from cift.core.cache import Cache, CacheLockedError, CacheUnavailableError, Key, Session
from tests.servers.cache import CacheServer


class Row(msgspec.Struct, frozen=True):
    symbol: str
    quantity: float


ROWS = Key("row", Row)
SHORT = Key("short", int, ttl_s=0.2)


@pytest.fixture
async def cache(cache_server: CacheServer) -> AsyncIterator[Cache]:
    async with Cache(cache_server.settings()) as connected:
        yield connected


async def test_values_come_back_as_their_type(cache: Cache) -> None:
    assert await cache.get(ROWS, "7:AAPL") is None
    rows = {f"7:S{number}": Row(f"S{number}", float(number)) for number in range(50)}
    await cache.put_many(ROWS, rows)
    assert await cache.get(ROWS, "7:S3") == Row("S3", 3.0)
    assert await cache.get_many(ROWS, [*rows, "7:NONE"]) == rows
    assert await cache.forget(ROWS, "7:S3", "7:NONE") == 1
    assert await cache.get(ROWS, "7:S3") is None
    assert await cache.get_many(ROWS, []) == {}
    assert await cache.forget(ROWS) == 0
    assert await cache.redis.get("row:7:S4") == b'{"symbol":"S4","quantity":4.0}'


async def test_a_value_ends_when_its_key_says(cache: Cache) -> None:
    await cache.put(SHORT, "a", 1)
    await cache.put(SHORT, "b", 2, ttl_s=60)
    assert await cache.get(SHORT, "a") == 1
    await asyncio.sleep(0.3)
    assert await cache.get_many(SHORT, ["a", "b"]) == {"b": 2}
    for wrong in (0.0, -1.0, float("nan"), 1e12):
        with pytest.raises(ValueError, match="ttl_s: found"):
            await cache.put(SHORT, "a", 1, ttl_s=wrong)


async def test_a_foreign_value_is_named(cache: Cache) -> None:
    await cache.redis.set("row:x", b'{"symbol":1}')
    with pytest.raises(CacheUnavailableError, match=r"key row:x holds no Row: .*symbol"):
        await cache.get(ROWS, "x")


async def test_a_pipeline_is_all_or_nothing(cache: Cache) -> None:
    async def fail() -> None:
        async with cache.pipeline() as pipeline:
            pipeline.set("one", 1)
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await fail()
    assert await cache.redis.exists("one") == 0
    async with cache.pipeline() as pipeline:
        pipeline.set("one", 1)
        pipeline.incrby("one", 4)
    assert await cache.redis.get("one") == b"5"


async def test_a_session_is_known_by_its_token_alone(cache: Cache) -> None:
    session = Session(login="ada", account_id=7, scopes=("read",))
    token = await cache.open_session(session)
    assert await cache.session(token) == session
    assert await cache.session(token[:-1]) is None
    keys = [key.decode() async for key in cache.redis.scan_iter("session:*")]
    assert len(keys) == 1
    assert token not in keys[0]
    assert 3500 < await cache.redis.ttl(keys[0]) <= 3600
    assert await cache.close_session(token)
    assert not await cache.close_session(token)
    assert await cache.session(token) is None


async def test_one_holds_a_lock(cache: Cache) -> None:
    inside: list[int] = []

    async def work(number: int) -> None:
        async with cache.lock("report", wait_s=10):
            inside.append(number)
            assert len(inside) == 1
            await asyncio.sleep(0.02)
            inside.remove(number)

    await asyncio.gather(*map(work, range(5)))
    async with cache.lock("report"):
        with pytest.raises(CacheLockedError, match="somebody else holds it"):
            async with cache.lock("report"):
                pass
    with pytest.raises(CacheLockedError, match="ended after"):
        async with cache.lock("report", ttl_s=0.05):
            await asyncio.sleep(0.1)


async def test_a_rate_holds_over_all_clients(cache: Cache, cache_server: CacheServer) -> None:
    granted = [await cache.wait_for_rate("key", rate=10, burst=5) for _ in range(5)]
    assert granted == [0.0] * 5
    wait = await cache.wait_for_rate("key", rate=10, burst=5)
    assert 0 < wait <= 0.1
    async with Cache(cache_server.settings()) as other:
        assert await other.wait_for_rate("key", rate=10, burst=5) > 0
        assert await other.wait_for_rate("another", rate=10, burst=5, count=5) == 0.0
    # A refusal counts for nothing.
    await asyncio.sleep(wait)
    assert await cache.wait_for_rate("key", rate=10, burst=5) == 0.0
    for wrong in ({"rate": 0.0}, {"rate": float("nan")}, {"rate": 1.0, "count": 2}, {"rate": 1.0, "count": 0}):
        with pytest.raises(ValueError, match="expected a rate above 0"):
            await cache.wait_for_rate("key", **wrong)  # type: ignore[arg-type]


async def test_calls_are_timed_and_failures_counted(cache: Cache, cache_server: CacheServer) -> None:
    def value(name: str) -> float:
        return REGISTRY.get_sample_value(name, {"system": "cache", "call": "get"}) or 0.0

    calls, errors = value("cift_client_seconds_count"), value("cift_client_errors_total")
    await cache.get(ROWS, "x")
    assert value("cift_client_seconds_count") == calls + 1
    cache_server.kill()
    with pytest.raises(CacheUnavailableError):
        await cache.get(ROWS, "x")
    assert value("cift_client_errors_total") == errors + 1
