"""The role's cluster of three, run for real: who may sign in and do what, and that nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import nats
import pytest
from nats.errors import Error
from nats.js.errors import APIError, NotFoundError

from cift.core.lease import Lease
from cift.core.nats_client import sign_in
from cift.core.nats_manager import NatsManager, NatsUnavailableError
from cift.core.outbox import Outbox, Outgoing
from cift.core.snapshots import Snapshots
from cift.core.stream_reader import StreamReader
from cift.core.streams import STREAMS, ensure_streams
from tests.servers.certificates import Authority
from tests.servers.nats_cluster import NatsCluster, program


@pytest.fixture
async def admin(nats_cluster: NatsCluster) -> AsyncIterator[NatsManager]:
    async with NatsManager(nats_cluster.settings()) as manager:
        await ensure_streams(manager.js, replicas=3)
        nats_cluster.whole()
        yield manager


async def test_copies_change_from_one_to_three_and_nothing_else_does(nats_cluster: NatsCluster) -> None:
    async with NatsManager(nats_cluster.settings()) as manager:
        for stream in STREAMS:
            with pytest.raises(NotFoundError):
                await manager.js.stream_info(stream.name)
        assert await ensure_streams(manager.js, replicas=1) == [f"created {stream.name}" for stream in STREAMS]
        for number in range(1, 101):
            await manager.publish_acked("orders.AAPL", str(number))
        changed = await ensure_streams(manager.js, replicas=3)
        assert changed == [f"updated {stream.name} (num_replicas)" for stream in STREAMS]
        assert await ensure_streams(manager.js, replicas=3) == []
        nats_cluster.whole()
        info = await manager.js.stream_info("ORDERS")
        assert info.state.messages == 100
        assert info.cluster is not None
        assert [peer.current for peer in info.cluster.replicas or []] == [True, True]


DENIED = [
    ("api", "events.AAPL"), ("api", "market.ticks.AAPL"), ("api", "orders._set.AAPL"), ("api", "signals.x"),
    ("engine", "orders.AAPL"), ("engine", "signals.x"),
    ("recorder", "orders.AAPL"), ("recorder", "events.AAPL"), ("recorder", "market.ticks.AAPL"),
    ("engine", "orders._limits.1"), ("engine", "orders._risk.cash.account.1"), ("engine", "orders._session.AAPL"),
    ("engine", "audit.1"), ("recorder", "audit.1"),
    ("api", "$O.engine.M.x"), ("recorder", "$O.engine.C.x"), ("recorder", "$KV.leases.engine"),
    ("feed", "orders.AAPL"), ("feed", "events.AAPL"), ("feed", "$KV.leases.recorder"),
]  # fmt: skip
ALLOWED = [
    ("api", "orders.AAPL"),
    ("api", "orders._limits.1"),
    ("api", "orders._state.symbol.AAPL"),
    ("api", "orders._session.AAPL"),
    ("api", "orders._risk.max_position.account.1.symbol.AAPL"),
    ("api", "audit.1"),
    ("engine", "events.AAPL"),
    ("engine", "orders._set.AAPL"),
    ("engine", "market.book.A"),
    ("feed", "market.ticks.A"),
]


@pytest.mark.parametrize(("user", "subject"), DENIED)
async def test_what_a_user_may_not_publish(
    nats_cluster: NatsCluster, admin: NatsManager, user: str, subject: str
) -> None:
    stream = next(one.name for one in STREAMS if any(subject.startswith(part[:-1]) for part in one.subjects))
    before = (await admin.js.stream_info(stream)).state.last_seq
    refused: list[str] = []

    async def on_error(error: Exception) -> None:
        refused.append(str(error))

    client = await nats.connect(**sign_in(nats_cluster.settings(user)), error_cb=on_error)
    with pytest.raises(Error):
        await client.jetstream().publish(subject, b"{}", timeout=0.5)
    assert any("permissions violation" in text and subject.lower() in text for text in map(str.lower, refused))
    await client.close()
    assert (await admin.js.stream_info(stream)).state.last_seq == before


@pytest.mark.parametrize(("user", "subject"), ALLOWED)
async def test_what_a_user_may_publish(nats_cluster: NatsCluster, admin: NatsManager, user: str, subject: str) -> None:
    async with NatsManager(nats_cluster.settings(user)) as manager:
        assert (await manager.publish_acked(subject, b"{}")).seq > 0


@pytest.mark.parametrize(("stream", "subject"), [("EVENTS", "events.AAPL"), ("MARKET_DATA", "market.book.AAPL")])
async def test_the_api_may_follow_what_it_tells_on_its_websocket(
    nats_cluster: NatsCluster, admin: NatsManager, stream: str, subject: str
) -> None:
    last = (await admin.publish_acked(subject, b"{}")).seq
    async with NatsManager(nats_cluster.settings("api")) as manager:
        async with StreamReader(manager, stream, start=last) as reader:
            assert [stored.seq for stored in await asyncio.wait_for(reader.next(), 10)] == [last]
        async with StreamReader(manager, "ORDERS") as reader:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.next(), 1.5)


@pytest.mark.parametrize("user", ["engine", "recorder", "feed"])
async def test_a_service_may_hold_its_lease(nats_cluster: NatsCluster, admin: NatsManager, user: str) -> None:
    async with NatsManager(nats_cluster.settings(user)) as manager, Lease(manager, user, "here") as lease:
        await asyncio.wait_for(lease.acquired(), 10)
        await asyncio.sleep(1)
        assert not lease.lost.is_set()


async def test_the_feed_may_find_what_it_has_published(nats_cluster: NatsCluster, admin: NatsManager) -> None:
    async with NatsManager(nats_cluster.settings("feed")) as manager:
        await manager.publish_acked("market.trades.A", b"{}", msg_id="x:A:trades:1:0")
        last = await manager.js.get_last_msg("MARKET_DATA", "market.trades.A")
        assert (last.headers or {})["Nats-Msg-Id"] == "x:A:trades:1:0"


async def test_the_engine_may_keep_its_snapshots(nats_cluster: NatsCluster, admin: NatsManager) -> None:
    async with NatsManager(nats_cluster.settings("engine")) as manager:
        snapshots = await Snapshots.open(manager)
        assert snapshots is not None
        for sequence in (1, 2, 3):
            await snapshots.save(sequence, b"%d" % sequence * 300_000)
        kept = [(sequence, data[:1], len(data)) async for sequence, data in snapshots.newest_first()]
        assert kept == [(3, b"3", 300_000), (2, b"2", 300_000)]
    state = (await admin.js.stream_info("OBJ_engine")).state
    assert state.bytes < 2.1 * 300_000, "what was replaced is gone"


@pytest.mark.parametrize("user", ["api", "engine", "recorder"])
async def test_services_make_and_delete_no_streams(nats_cluster: NatsCluster, admin: NatsManager, user: str) -> None:
    async with NatsManager(nats_cluster.settings(user)) as manager:
        for call in (manager.js.delete_stream, manager.js.purge_stream):
            with pytest.raises((Error, APIError, TimeoutError)):  # the server tells the connection, not the caller
                await asyncio.wait_for(call("SIGNALS"), 1)
    assert (await admin.js.stream_info("SIGNALS")).config.name == "SIGNALS"


async def test_accounts_do_not_see_each_other(nats_cluster: NatsCluster, admin: NatsManager) -> None:
    async with NatsManager(nats_cluster.settings("benchmark")) as manager:
        assert await manager.js.streams_info() == []
    async with NatsManager(nats_cluster.settings("sys")) as operator:
        answers = await operator.client.request("$SYS.REQ.SERVER.PING", b"", timeout=2)
        assert b'"cluster":"cift"' in answers.data
    with pytest.raises(Error):
        await admin.client.request("$SYS.REQ.SERVER.PING", b"", timeout=0.5)


async def test_strangers_and_other_authorities_and_plain_text_are_refused(
    nats_cluster: NatsCluster, tmp_path: Path
) -> None:
    with pytest.raises(NatsUnavailableError, match=r"Authorization Violation.*check NATS_NKEY_SEED"):
        await NatsManager(nats_cluster.settings("stranger")).connect(timeout_s=5)
    another = Authority(tmp_path, "another")
    with pytest.raises(NatsUnavailableError, match=r"certificate.*check CIFT_NATS_CA"):
        await NatsManager(nats_cluster.settings(nats_ca=str(another.path))).connect(timeout_s=2)
    host, port = nats_cluster.url.split(",")[0].removeprefix("tls://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    assert b'"tls_required":true' in await reader.readline()
    writer.write(b'CONNECT {"verbose":true}\r\nPING\r\n')
    answer = await asyncio.wait_for(reader.read(1000), 5)
    writer.close()
    assert b"PONG" not in answer
    assert b"+OK" not in answer


async def test_a_kill_of_the_leader_loses_nothing_acknowledged(nats_cluster: NatsCluster, admin: NatsManager) -> None:
    """SIGKILL the leader of EVENTS under load: what was proved is there, once and in order; the gap is printed."""
    start = (await admin.js.stream_info("EVENTS")).state.last_seq
    seen: list[int] = []
    moments: list[float] = []
    async with NatsManager(nats_cluster.settings("engine")) as engine:
        outbox = Outbox(engine, "EVENTS", chained=True)
        await outbox.open()

        async def read() -> None:
            async with StreamReader(admin, "EVENTS", start=start + 1) as reader:
                while not seen or seen[-1] < start + 3000:
                    seen.extend(stored.seq for stored in await reader.next())
                    moments.append(time.monotonic())

        reading = asyncio.create_task(read())
        victim = nats_cluster.leader("EVENTS")
        for number in range(start + 1, start + 3001):
            await outbox.send([Outgoing(number, "events.AAPL", f"{number}.k", str(number).encode())])
            if number == start + 1000:
                killed = time.monotonic()
                victim.kill()
            if number % 10 == 0:
                await asyncio.sleep(0.002)
        assert await outbox.close(60)
        await asyncio.wait_for(reading, 60)
    assert seen == list(range(start + 1, start + 3001))
    gap = max(after - before for before, after in pairwise(moments) if after > killed)
    print(f"\nleader of EVENTS killed: longest silence at a reader of another server {gap:.2f} s")
    victim.start()
    nats_cluster.whole()
    for node in nats_cluster.nodes.values():
        state = next(one.state for one in program.streams(node.pages.jetstream()) if one.name == "EVENTS")
        assert state["last_seq"] == start + 3000
