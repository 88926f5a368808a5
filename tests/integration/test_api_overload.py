"""More orders than the engine can decide: a clear 503 at once, and cancels all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from nats.aio.msg import Msg

from cift.api.admission import ASK_S
from cift.core.database import Database
from cift.core.messages import ServiceStatus
from cift.core.nats_manager import NatsManager
from cift.core.serialization import encode
from tests.servers.api import ApiServer, prepared
from tests.servers.cache import CacheServer
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer

ORDER = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "price": 10.0, "quantity": 1}


@pytest.fixture
async def worker(
    tmp_path: Path,
    nats_server: NatsServer,
    cache_server: CacheServer,
    postgres_server: PostgresServer,
    reference_database: Database,
) -> AsyncIterator[ApiServer]:
    """One worker without an engine: it lets three commands wait for one, and one that is ten behind is too far."""
    environment = await prepared(nats_server, cache_server, postgres_server, reference_database)
    limits = {"CIFT_API_MAX_IN_FLIGHT": "3", "CIFT_API_MAX_LAG": "10", "CIFT_ORDER_TIMEOUT_S": "1.5"}
    server = ApiServer(tmp_path, environment | limits | {"CLICKHOUSE_PORT": "1"}, workers=1)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def refused(answer: httpx.Response) -> bool:
    if answer.status_code != 503:
        return False
    problem = answer.json()
    assert (problem["code"], answer.headers["Retry-After"]) == ("overloaded", "1")
    assert "nothing was placed" in problem["detail"]
    return True


@asynccontextmanager
async def engine_behind(nats_server: NatsServer, lag: int) -> AsyncIterator[None]:
    """Somebody who answers as an engine that far behind would."""

    async def answer(message: Msg) -> None:
        await message.respond(encode(ServiceStatus(service="engine", position=1, lag=lag)))

    async with NatsManager(nats_server.settings("engine")) as nats:
        await nats.subscribe("status.engine", answer)
        await asyncio.sleep(3 * ASK_S)
        yield


async def test_no_more_wait_than_there_is_room_for(worker: ApiServer, nats_server: NatsServer) -> None:
    async with worker.client() as client, NatsManager(nats_server.settings()) as nats:
        answers = await asyncio.gather(*(client.post("/api/v1/orders", json=ORDER) for _ in range(12)))
        assert [answer.status_code for answer in answers].count(202) >= 3
        written = (await nats.js.stream_info("ORDERS")).state.messages
        assert written == sum(not refused(answer) for answer in answers) < 12, "what was refused was written"
        order_id = next(answer.json()["order_id"] for answer in answers if answer.status_code == 202)
        waiting = [asyncio.create_task(client.post("/api/v1/orders", json=ORDER)) for _ in range(3)]
        await asyncio.sleep(0.3)
        assert refused(await client.patch(f"/api/v1/orders/{order_id}", json={"price": 9.0}))
        assert (await client.delete(f"/api/v1/orders/{order_id}")).status_code == 202
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {202}
        assert (await client.post("/api/v1/orders", json=ORDER)).status_code == 202
        metrics = (await client.get("/metrics")).text
        assert 'cift_api_overloaded_total{reason="in_flight"}' in metrics
        assert "cift_api_in_flight 0.0" in metrics


async def test_an_engine_too_far_behind_gets_no_more(worker: ApiServer, nats_server: NatsServer) -> None:
    async with worker.client() as client:
        async with engine_behind(nats_server, 11):
            answer = await client.post("/api/v1/orders", json=ORDER)
            assert refused(answer)
            assert "11 commands behind" in answer.json()["detail"]
        async with engine_behind(nats_server, 10):
            assert (await client.post("/api/v1/orders", json=ORDER)).status_code == 202
