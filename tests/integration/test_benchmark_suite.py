"""The whole benchmark suite on a real stack: everything is measured, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import dataclasses
import sys

import pytest
import redis.asyncio
from pydantic import SecretStr

from cift.benchmarks import suite
from cift.benchmarks.end_to_end import SYMBOL_VARIABLE
from cift.benchmarks.profile import QUICK
from cift.benchmarks.targets import ROWS
from cift.core.config import Settings
from cift.core.nats_client import SteadyClient, sign_in
from tests.servers.api import KEY
from tests.servers.stack import Stack

SHORT = dataclasses.replace(
    QUICK,
    repetitions=1,
    matching_operations=2_000,
    risk_checks=2_000,
    messages=50,
    journal_messages=20,
    analytics_queries=1,
    analytics_ticks=20_000,
    jitter_seconds=1,
    cache_seconds=0.05,
    orders=10,
)


async def streams(settings: Settings) -> list[str]:
    client = SteadyClient()
    await client.connect(**sign_in(settings))
    try:
        return [stream.config.name or "" for stream in await client.jetstream().streams_info()]
    finally:
        await client.close()


async def test_everything_is_measured_and_nothing_is_left(
    trading_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SYMBOL_VARIABLE, "AAPL")
    monkeypatch.setitem(sys.modules, "nkeys", None)  # no host has it
    settings = trading_stack.settings.model_copy(
        update={"api_url": trading_stack.api.url, "api_key": SecretStr(KEY), "api_ca": ""}
    )
    before = await streams(settings)
    result = await asyncio.to_thread(suite.run, settings, SHORT, [], lambda _: None)
    # One server, one host, and of the host's own programs what it has and lets a test do.
    elsewhere = {"journal_r3", "network", "jitter_wakeup", "jitter_busy"}
    skipped = {row.key: row.why for row in result.rows if row.verdict == "skipped"}
    assert {key: why for key, why in skipped.items() if key not in elsewhere} == {}
    assert "3 copies need a cluster of 3 servers" in skipped["journal_r3"]
    assert "no second host" in skipped["network"]
    assert {row.key for row in result.rows} >= set(ROWS)
    assert {"nats-server", "clickhouse"} <= set(result.versions)
    assert await streams(settings) == before
    with trading_stack.chdb.client(settings.clickhouse_db) as client:
        assert client.query("SHOW TABLES LIKE 'benchmark_%'").result_rows == []
    async with redis.asyncio.Redis(
        port=settings.cache_port,
        username=settings.cache_user,
        password=settings.cache_password.get_secret_value(),
    ) as cache:
        assert await cache.keys("benchmark:*") == []
    order = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "price": 1_000.0, "quantity": 1, "tif": "IOC"}
    async with trading_stack.api.client() as api:
        answer = (await api.post("/api/v1/orders", json=order)).json()
    assert (answer["status"], answer["filled_quantity"]) == ("cancelled", 0.0), "the book was not left empty"
