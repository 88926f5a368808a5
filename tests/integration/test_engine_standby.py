"""Two engines, one of them saying what both decide: stopped, killed and frozen in turn, as if it had been one."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cift.core.database import Account, Database, Instrument
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_status
from tests.integration.test_engine import check, decided, orders, place
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer
from tests.servers.services import Service


@pytest.fixture
async def engines(
    nats: NatsManager,
    nats_server: NatsServer,
    postgres_server: PostgresServer,
    reference_database: Database,
    tmp_path: Path,
) -> AsyncIterator[list[Service]]:
    """The first has the lease, the second stands by."""
    await reference_database.load_reference([Instrument("AAPL", 0.01, 1.0)], [Account(1, "one")], None)
    environment = nats_server.environment("engine") | postgres_server.environment()
    pair = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        pair.append(Service("engine", environment, tmp_path / name))
    async with pair[0]:
        pair[1].start()
        await until(pair[1], "standing by")
        try:
            yield pair
        finally:
            pair[1].kill()


async def until(engine: Service, words: str, times: int = 1) -> None:
    async with asyncio.timeout(30):
        while engine.text().count(words) < times:
            assert engine.process is not None
            assert engine.process.poll() is None, engine.text()
            await asyncio.sleep(0.01)


async def test_one_that_stops_hands_over(nats: NatsManager, engines: list[Service]) -> None:
    one, other = engines
    await decided(nats, await place(nats, orders(100, 1)))
    assert " ready" not in other.text()
    placing = asyncio.create_task(place(nats, orders(500, 2)))
    assert await one.stop() == 0
    await until(other, " ready")
    await decided(nats, await placing)
    status = decode_status(await nats.request("status.engine"))
    assert (status.position, status.detail) == (602, "")
    await check(nats, other)


async def test_killed_and_started_in_turn_under_load(nats: NatsManager, engines: list[Service]) -> None:
    chance, gaps = random.Random(5), []
    working, resting = engines
    for turn in range(4):
        placing = asyncio.create_task(place(nats, orders(1500, turn)))
        await asyncio.sleep(chance.uniform(0.1, 0.6))
        ready = resting.text().count(" ready")
        working.kill()
        killed = time.monotonic()
        await until(resting, " ready", ready + 1)
        gaps.append(time.monotonic() - killed)
        times = working.text().count("standing by")
        working.start()
        await until(working, "standing by", times + 1)
        await decided(nats, await placing)
        working, resting = resting, working
    print("seconds until the other one took over:", ", ".join(f"{gap:.2f}" for gap in gaps))
    resting.kill()
    await check(nats, working)


async def test_one_that_was_frozen_finds_itself_deposed(nats: NatsManager, engines: list[Service]) -> None:
    one, other = engines
    assert one.process is not None
    placing = asyncio.create_task(place(nats, orders(1000, 3)))
    await asyncio.sleep(0.3)
    one.process.send_signal(signal.SIGSTOP)
    await until(other, " ready")
    await decided(nats, await placing)
    one.process.send_signal(signal.SIGCONT)
    assert await asyncio.to_thread(one.process.wait, 30) == 1
    last = one.text().splitlines()[-1]
    assert "another engine has taken over" in last or "somebody else writes to it" in last
    await decided(nats, await place(nats, orders(100, 4)))
    await check(nats, other)


async def test_the_server_restarts_and_one_of_them_goes_on(
    nats: NatsManager, nats_server: NatsServer, engines: list[Service]
) -> None:
    await decided(nats, await place(nats, orders(100, 1)))
    await asyncio.to_thread(nats_server.restart)
    await asyncio.sleep(1)
    await decided(nats, await place(nats, orders(100, 2)))
    alive = [engine for engine in engines if engine.process and engine.process.poll() is None]
    saying = [engine for engine in alive if " ready" in engine.text()]
    assert saying
    for engine in alive:
        if engine is not saying[-1]:
            engine.kill()
    await check(nats, saying[-1])
