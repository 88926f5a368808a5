"""Rates of keys, WebSockets of accounts and the audit log, on two workers, with the cache and without it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from cift.api.audit import Entry
from cift.core.nats_manager import NatsManager
from cift.core.signing import key_id
from tests.integration.test_api_signed import Signer
from tests.servers.api import KEY, OTHER_KEY, READER_KEY, RISK_KEY, SIGNING_KEY, ApiServer
from tests.servers.cache import CacheServer
from tests.servers.live import dial
from tests.servers.nats import NatsServer

ORDERS = "/api/v1/orders"
ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 1, "price": 10.0}
RATE, BURST = 20, 40


async def _restarted(api: ApiServer, **settings: object) -> ApiServer:
    await asyncio.to_thread(api.stop)
    api.environment |= {name: str(value) for name, value in settings.items()}
    await asyncio.to_thread(api.start)
    return api


async def _hammer(api: ApiServer, seconds: float, key: str = KEY) -> tuple[Counter[int], float]:
    """Ask as fast as eight connections can; return the statuses and how long it took."""
    seen: Counter[int] = Counter()
    started = time.monotonic()

    async def ask() -> None:
        async with api.client(key) as client:
            while time.monotonic() - started < seconds:
                response = await client.get("/api/v1/accounts/me")
                seen[response.status_code] += 1
                if response.status_code == 429:
                    assert response.json()["code"] == "rate_limited"
                    assert int(response.headers["Retry-After"]) >= 1
                    await asyncio.sleep(0.02)

    await asyncio.gather(*(ask() for _ in range(8)))
    return seen, time.monotonic() - started


async def test_a_key_is_held_to_its_rate_by_all_workers_together_and_others_are_not(
    api_server: ApiServer, cache_server: CacheServer
) -> None:
    api = await _restarted(api_server, CIFT_RATE_LIMIT=RATE, CIFT_RATE_BURST=BURST)
    seen, took = await _hammer(api, 2.0)
    assert BURST <= seen[200] <= BURST + RATE * took + 1, (seen, took)
    assert seen[429] > 0
    async with api.client(OTHER_KEY) as other:
        assert (await other.get("/api/v1/accounts/me")).status_code == 200
        many = await other.post(f"{ORDERS}/batch", json={"orders": [ORDER] * 39})
        assert many.status_code == 200
        more = await other.post(f"{ORDERS}/batch", json={"orders": [ORDER] * 39})
        assert (more.status_code, more.json()["code"]) == (429, "rate_limited"), "each order of a batch is counted"

    cache_server.kill()
    alone, took = await _hammer(api, 2.0)
    assert BURST <= alone[200] <= api.workers * (BURST + RATE * took + 1), "each worker limits alone"
    assert alone[429] > 0
    assert set(seen | alone) == {200, 429}
    async with api.client(None) as anybody:
        text = (await anybody.get("/metrics")).text
    assert 'cift_api_cache_away_total{what="rate"}' in text
    assert f"cift_api_rate_limited_total {float(seen[429] + alone[429] + 1)}" in text


async def test_an_account_has_so_many_websockets_on_all_workers_together(
    api_server: ApiServer, cache_server: CacheServer
) -> None:
    api = await _restarted(api_server, CIFT_STREAM_CONNECTIONS=4)

    async def open_as_many_as(stack: AsyncExitStack, count: int, key: str = KEY) -> int:
        refusals: list[Response] = []
        for _ in range(count):
            try:
                await stack.enter_async_context(dial(api, key))
            except InvalidStatus as refusal:
                refusals.append(refusal.response)
        assert all(each.status_code == 429 and b"too_many_connections" in (each.body or b"") for each in refusals)
        return count - len(refusals)

    async with AsyncExitStack() as stack:
        assert await open_as_many_as(stack, 7) == 4
        assert await open_as_many_as(stack, 1, READER_KEY) == 0, "another key of the same account"
        assert await open_as_many_as(stack, 1, OTHER_KEY) == 1
    await asyncio.sleep(0.5)
    async with AsyncExitStack() as stack:
        assert await open_as_many_as(stack, 5) == 4, "seats are given back"
    cache_server.kill()
    await asyncio.sleep(0.5)
    async with AsyncExitStack() as stack:
        assert 4 <= await open_as_many_as(stack, 12) <= 4 * api.workers


async def _entries(nats_server: NatsServer, count: int) -> list[Entry]:
    async with NatsManager(nats_server.settings()) as nats:
        for _ in range(100):
            state = (await nats.js.stream_info("AUDIT")).state
            if state.messages >= count:
                break
            await asyncio.sleep(0.1)
        assert state.messages == count
        stored = [await nats.js.get_msg("AUDIT", seq, direct=True) for seq in range(1, count + 1)]
        for seq in (1, count):
            with pytest.raises(Exception, match=r"(?i)delet"):
                await nats.js.delete_msg("AUDIT", seq)
    assert [message.subject for message in stored] == [
        f"audit.{msgspec.json.decode(message.data or b'')['account_id']}" for message in stored
    ]
    return sorted((msgspec.json.decode(m.data or b"", type=Entry) for m in stored), key=lambda entry: entry.ts)


async def test_every_change_is_written_down_once_also_over_a_lost_nats(
    api_server: ApiServer, nats_server: NatsServer
) -> None:
    async with api_server.client() as client, api_server.client(RISK_KEY) as officer:
        placed = (await client.post(ORDERS, json=ORDER)).json()["order_id"]
        await client.get(f"{ORDERS}/{placed}")
        await client.post(ORDERS, json=ORDER | {"quantity": -1})
        await client.patch(f"{ORDERS}/{placed}", json={"price": 11.0})
        await client.delete(f"{ORDERS}?symbol=AAPL")
        await client.post(f"{ORDERS}/batch", json={"orders": [ORDER, ORDER | {"symbol": "NOPE"}, ORDER]})
        await officer.put("/api/v1/risk/state", json={"state": "halted"})
        await client.put("/api/v1/risk/state", json={"state": "halted"})
    async with api_server.client(None) as nobody:
        assert (await nobody.post(ORDERS, json=ORDER)).status_code == 401
    signer = Signer(SIGNING_KEY, lambda request: request.headers.update({"CIFT-Signature": "0" * 64}))
    async with api_server.client(None, auth=signer) as forger:
        assert (await forger.post(ORDERS, json=ORDER)).status_code == 401
    nats_server.kill()
    async with api_server.client() as client:
        away = await client.post(ORDERS, json=ORDER)
        assert away.status_code == 503
    nats_server.start()

    entries = await _entries(nats_server, 8)
    told: list[tuple[Any, ...]] = [
        (entry.account_id, entry.method, entry.path, entry.status, entry.code, entry.commands) for entry in entries
    ]
    assert told == [
        (1, "POST", ORDERS, 202, "", [1]),
        (1, "POST", ORDERS, 422, "invalid_request", []),
        (1, "PATCH", f"{ORDERS}/1", 202, "", [2]),
        (1, "DELETE", f"{ORDERS}?symbol=AAPL", 202, "", [3]),
        (1, "POST", f"{ORDERS}/batch", 200, "", [4, 5]),
        (3, "PUT", "/api/v1/risk/state", 202, "", [6]),
        (1, "PUT", "/api/v1/risk/state", 403, "forbidden", []),
        (1, "POST", ORDERS, 503, away.json()["code"], []),
    ]
    assert {entry.address for entry in entries} == {"127.0.0.1"}
    assert entries[0].key == key_id(KEY)[:16]
    assert abs(entries[0].ts - time.time_ns()) < 120 * 10**9
