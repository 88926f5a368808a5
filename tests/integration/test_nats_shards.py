"""A server with the role's permissions for two engine shards: each service may do what its shards need, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import nats
import pytest
from nats.errors import Error, NoRespondersError
from nats.js.api import StreamConfig

from cift.core.lease import Lease
from cift.core.nats_client import sign_in
from cift.core.nats_manager import NatsManager
from cift.core.stream_reader import StreamReader
from cift.core.streams import LEASES, ORDERS
from tests.servers.nats import NatsServer, free_port, seed
from tests.unit.role_render import render

ALL = ("sys", "admin", "api", "engine", "recorder", "feed", "benchmark")


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    folder = tmp_path_factory.mktemp("sharded")
    server = NatsServer(folder)
    known = {
        "ansible_managed": "ours",
        "nats_keys": {user: seed(user).decode() for user in ALL},
        "nats_server_name": "n1",
        "nats_port": server.port,
        "nats_monitoring_port": free_port(),
        "nats_store": str(folder / "store"),
        "nats_max_memory_store": "64MB",
        "nats_max_file_store": "1GB",
        "cift_engine_shards": 2,
    }
    render("nats", {"rendered": known}, ["nats.conf"], folder)
    server.config.write_text((folder / "rendered/nats.conf").read_text())
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def admin(sharded: NatsServer) -> AsyncIterator[NatsManager]:
    async with NatsManager(sharded.settings()) as manager:
        for shard in (0, 1):
            await manager.js.add_stream(StreamConfig(name=f"EVENTS_{shard}", subjects=[f"events.{shard}.>"]))
        for stream in (ORDERS, LEASES):
            await manager.js.add_stream(stream.config(1))
        yield manager


@pytest.mark.parametrize("user", ["api", "engine", "recorder"])
async def test_the_events_of_every_shard_are_read(sharded: NatsServer, admin: NatsManager, user: str) -> None:
    for shard in (0, 1):
        async with NatsManager(sharded.settings("engine")) as engine:
            last = (await engine.publish_acked(f"events.{shard}.AAPL", b"{}")).seq
        async with NatsManager(sharded.settings(user)) as manager:
            assert (await manager.js.get_last_msg(f"EVENTS_{shard}", f"events.{shard}.AAPL")).seq == last
            async with StreamReader(manager, f"EVENTS_{shard}", start=last) as reader:
                assert [stored.seq for stored in await asyncio.wait_for(reader.next(), 10)] == [last]


@pytest.mark.parametrize("key", ["engine.0", "engine.1"])
async def test_every_shard_has_a_lease(sharded: NatsServer, admin: NatsManager, key: str) -> None:
    async with NatsManager(sharded.settings("engine")) as manager, Lease(manager, key, "here") as lease:
        await asyncio.wait_for(lease.acquired(), 10)
        await asyncio.sleep(0.5)
        assert not lease.lost.is_set()


async def answered(asking: NatsManager, subject: str) -> bytes:
    """Ask until the server has heard of who answers."""
    async with asyncio.timeout(20):
        while True:
            try:
                return bytes((await asking.client.request(subject, b"", timeout=5)).data)
            except NoRespondersError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("subject", ["status.engine.1", "status.risk.0"])
async def test_every_shard_answers_the_api(sharded: NatsServer, admin: NatsManager, subject: str) -> None:
    async with NatsManager(sharded.settings("engine")) as engine, NatsManager(sharded.settings("api")) as api:

        async def answer(message: nats.aio.msg.Msg) -> None:
            await message.respond(b"well")

        await engine.client.subscribe(subject, cb=answer)
        assert await answered(api, subject) == b"well"


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("api", "events.1.AAPL"),
        ("recorder", "events.0.AAPL"),
        ("engine", "orders.AAPL"),
        ("api", "$KV.leases.engine.1"),
    ],
)
async def test_what_nobody_else_may_write(sharded: NatsServer, admin: NatsManager, user: str, subject: str) -> None:
    refused: list[str] = []

    async def on_error(error: Exception) -> None:
        refused.append(str(error).lower())

    client = await nats.connect(**sign_in(sharded.settings(user)), error_cb=on_error)
    with pytest.raises(Error):
        await client.jetstream().publish(subject, b"{}", timeout=0.5)
    await client.close()
    assert any("permissions violation" in text and subject.lower() in text for text in refused)
