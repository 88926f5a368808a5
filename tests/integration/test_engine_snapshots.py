"""The engine's snapshots: a start goes on from the newest that can be believed, and says what a whole replay says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from nats.js.api import ObjectMeta

from cift.core.database import Account, Database, Instrument
from cift.core.nats_manager import NatsManager
from cift.core.snapshots import Snapshots
from cift.core.streams import SNAPSHOT_BUCKET, ensure_streams
from tests.integration.test_engine import check, decided, orders, place
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer
from tests.servers.services import Service

EVERY = 400


@pytest.fixture
async def engine(
    nats_server: NatsServer, postgres_server: PostgresServer, reference_database: Database, tmp_path: Path
) -> Service:
    await reference_database.load_reference([Instrument("AAPL", 0.01, 1.0)], [Account(1, "one")], None)
    environment = nats_server.environment("engine") | postgres_server.environment()
    return Service("engine", environment | {"CIFT_ENGINE_SNAPSHOT_EVERY": str(EVERY)}, tmp_path)


async def kept(nats: NatsManager) -> list[int]:
    """Return which commands the snapshots stand for, the newest first."""
    snapshots = await Snapshots.open(nats)
    assert snapshots is not None
    return [sequence async for sequence, _ in snapshots.newest_first()]


def began(engine: Service) -> list[int]:
    """Return from which snapshot each start went on."""
    return [int(found) for found in re.findall(r"snapshot (\d+): \d+ commands to go", engine.text())]


async def damage(nats: NatsManager, sequence: int, data: bytes) -> None:
    """Put other bytes in the place of a snapshot, under a right digest of the store's."""
    store = await nats.js.object_store(SNAPSHOT_BUCKET)
    for info in await store.list():
        if info.description == str(sequence):
            await store.put(str(info.name), data, ObjectMeta(description=str(sequence)))
            return
    raise AssertionError(f"no snapshot {sequence}")


async def test_a_stop_leaves_one_and_the_start_goes_on_from_it(nats: NatsManager, engine: Service) -> None:
    async with engine:
        await decided(nats, await place(nats, orders(150, 1)))
        assert await engine.stop() == 0
        assert await kept(nats) == [152]
    async with engine:
        assert began(engine) == [152]
        await decided(nats, await place(nats, orders(150, 2)))
        await check(nats, engine)
    assert await kept(nats) == [302, 152]


async def test_killed_under_load_it_goes_on_from_one_of_many(nats: NatsManager, engine: Service) -> None:
    async with engine:
        for seed in range(3):
            placing = asyncio.create_task(place(nats, orders(1500, seed)))
            await asyncio.sleep(0.5)
            engine.kill()
            engine.start()
            last = await placing
        await decided(nats, last)
        await check(nats, engine)
    assert began(engine)
    assert len(await kept(nats)) == 2


async def test_what_can_not_be_believed_is_passed_over(nats: NatsManager, engine: Service) -> None:
    """The newest damaged: the one before. Both damaged: the whole journal."""
    async with engine:
        for seed in (1, 2):
            await decided(nats, await place(nats, orders(150, seed)))
            assert await engine.stop() == 0
            await engine.run()
        assert await kept(nats) == [302, 152]
        assert await engine.stop() == 0
        await damage(nats, 302, b"no snapshot")
        await engine.run()
        assert "snapshot 302 is passed over" in engine.text()
        assert began(engine)[-1] == 152
        starts = len(began(engine))
        engine.kill()
        await damage(nats, 152, b"none either")
        await engine.run()
        assert len(began(engine)) == starts
        assert "snapshot 152 is passed over" in engine.text()
        await check(nats, engine)


async def test_a_snapshot_of_another_journal_is_passed_over(nats: NatsManager, engine: Service) -> None:
    async with engine:
        await decided(nats, await place(nats, orders(150, 1)))
        assert await engine.stop() == 0
    for name in ("ORDERS", "EVENTS", "MARKET_DATA"):
        await nats.js.delete_stream(name)
    await ensure_streams(nats.js)
    async with engine:
        assert "snapshot 152 is passed over: it stands for command 152, the journal ends at 0" in engine.text()
        await decided(nats, await place(nats, orders(200, 2)))
        engine.kill()
        await engine.run()
        assert "snapshot 152 is passed over: the journal has another command 152" in engine.text()
        await check(nats, engine)
    assert began(engine) == []
    assert await kept(nats) == [202, 152]


async def test_a_journal_whose_beginning_went_is_enough(nats: NatsManager, engine: Service) -> None:
    async with engine:
        await decided(nats, await place(nats, orders(150, 1)))
        assert await engine.stop() == 0
    await nats.js.purge_stream("ORDERS", seq=152)
    async with engine:
        assert began(engine) == [152]
        await decided(nats, await place(nats, orders(50, 2)))
        assert await engine.stop() == 0
    store = await nats.js.object_store(SNAPSHOT_BUCKET)
    for info in await store.list():
        await store.delete(str(info.name))
    engine.start()
    assert engine.process is not None
    assert await asyncio.to_thread(engine.process.wait, 30) == 1
    assert "begins at 152: the engine needs the journal from its first command, or from a snapshot" in engine.text()
