"""What isn't this shard's, or is another number's, is told and left as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.js.api import ObjectMeta

from cift.core.database import Account, Database, Instrument
from cift.core.messages import NewOrder
from cift.core.nats_manager import NatsManager
from cift.core.shards import Shard, all_shards
from cift.core.snapshots import Snapshots
from cift.core.streams import SNAPSHOT_BUCKET, ShardsError, check_shards, ensure_streams
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer
from tests.servers.services import Service

# The first is shard 0's of two, the second shard 1's.
SYMBOLS = ("AAPL", "MSFT")


@pytest.fixture
async def nats(nats_server: NatsServer) -> AsyncIterator[NatsManager]:
    async with NatsManager(nats_server.settings()) as manager:
        yield manager


@pytest.fixture
async def environment(
    nats_server: NatsServer, postgres_server: PostgresServer, reference_database: Database
) -> dict[str, str]:
    instruments = [Instrument(symbol, 0.01, 1.0) for symbol in SYMBOLS]
    await reference_database.load_reference(instruments, [Account(1, "one")], None)
    return nats_server.environment("engine") | postgres_server.environment()


def service(name: str, environment: dict[str, str], shard: Shard, folder: Path) -> Service:
    (own := folder / f"{name}-{shard.number}-of-{shard.count}").mkdir()
    which = {"CIFT_ENGINE_SHARDS": str(shard.count), "CIFT_ENGINE_SHARD": str(shard.number)}
    return Service(name, environment | which, own)


async def everywhere(nats: NatsManager) -> list[tuple[str, int]]:
    infos = await nats.js.streams_info()
    return sorted((info.config.name or "", info.state.last_seq) for info in infos)


async def test_before_there_are_events_their_number_may_change(nats: NatsManager) -> None:
    await ensure_streams(nats.js)
    changed = await ensure_streams(nats.js, shards=2)
    assert changed == ["deleted EVENTS, which was empty", "created EVENTS_0", "created EVENTS_1"]
    assert await ensure_streams(nats.js, shards=2) == []
    assert await check_shards(nats.js, 3) == ["EVENTS_0", "EVENTS_1"]
    assert len(await ensure_streams(nats.js, shards=3)) == 5


@pytest.mark.parametrize(("there", "wrong"), [(3, 1), (3, 2), (3, 4), (1, 2)])
async def test_another_number_of_shards_is_refused_and_changes_nothing(
    nats: NatsManager, environment: dict[str, str], tmp_path: Path, there: int, wrong: int
) -> None:
    await ensure_streams(nats.js, shards=there)
    last = Shard(there - 1, there)
    await nats.publish_acked(last.event_subject("AAPL"), b"{}")
    before = await everywhere(nats)
    words = f"{last.stream}: events of {there} shard{'s' * (there > 1)} found, CIFT_ENGINE_SHARDS is {wrong}"
    with pytest.raises(ShardsError, match=words):
        await ensure_streams(nats.js, shards=wrong)
    for name in ("engine", "recorder"):
        started = service(name, environment | {"CLICKHOUSE_PORT": "1", "CACHE_PORT": "1"}, Shard(0, wrong), tmp_path)
        started.start()
        assert started.process is not None
        assert await asyncio.to_thread(started.process.wait, 30) == 1
        assert f"{words}; their number can't change" in started.text()
    leases = ("KV_leases",)  # the recorder had one for a moment
    assert [each for each in await everywhere(nats) if each[0] not in leases] == [
        each for each in before if each[0] not in leases
    ]


async def test_a_shard_without_a_stream_says_how_to_get_one(
    nats: NatsManager, environment: dict[str, str], tmp_path: Path
) -> None:
    await ensure_streams(nats.js)
    started = service("engine", environment, Shard(1, 2), tmp_path)
    started.start()
    assert started.process is not None
    assert await asyncio.to_thread(started.process.wait, 30) == 1
    assert "EVENTS: of another number of shards; run `cift schema apply`" in started.text()


async def test_a_shard_believes_its_own_snapshots_alone(
    nats: NatsManager, environment: dict[str, str], tmp_path: Path
) -> None:
    await ensure_streams(nats.js, shards=2)
    engines = [service("engine", environment, shard, tmp_path) for shard in all_shards(2)]
    for engine in engines:
        await engine.run()
    for number in range(20):
        order = NewOrder(
            symbol=SYMBOLS[number % 2], ts=number, user_id=1, side="buy", order_type="limit", quantity=1.0, price=9.0
        )
        await nats.publish_acked(f"orders.{order.symbol}", order)
    for engine in engines:
        assert await engine.stop() == 0
    states = [engine.states()[-1] for engine in engines]
    assert states[0] != states[1]
    snapshots = [await Snapshots.open(nats, shard) for shard in all_shards(2)]
    (sequence, foreign), (_, own) = [await anext(each.newest_first()) for each in snapshots if each]
    assert own != foreign
    store = await nats.js.object_store(SNAPSHOT_BUCKET)
    for slot in (0, 1):
        await store.put(f"snapshot-1-{slot}", foreign, ObjectMeta(description=str(sequence)))
    for words, times in (("is passed over: it is that of shard 0 of 2", 2), ("0 commands to go", 1)):
        before = len(engines[1].text())
        await engines[1].run()
        assert engines[1].text()[before:].count(words) == times, engines[1].text()[before:]
        assert await engines[1].stop() == 0
        assert engines[1].states()[-1] == states[1]
    assert (await nats.js.stream_info("EVENTS_1")).state.last_seq == 10
