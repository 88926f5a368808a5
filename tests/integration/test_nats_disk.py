"""A full disk under one server of a real cluster: the others carry on, and cift-nats mends it once there is space.

The small disk is a tmpfs, so the test needs root; processes stand in systemd's place.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from nats.errors import Error

from cift.core.nats_manager import NatsManager
from cift.core.streams import ensure_streams
from tests.servers.nats_cluster import NatsCluster, program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which takes root")
SIZE_MIB, BALLAST_MIB, ENOUGH_MIB = 96, 72, 32


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[NatsCluster]:
    """A cluster that hasn't been started; the store of n2 is on a small disk of its own."""
    cluster = NatsCluster(tmp_path)
    store = cluster.nodes["n2"].variables["nats_store"]
    Path(store).mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", store]
    if (mounted := subprocess.run(mount, check=False, capture_output=True, text=True)).returncode != 0:
        pytest.skip(f"no small disk here: {mounted.stderr.strip()}")
    try:
        yield cluster
    finally:
        cluster.stop()
        subprocess.run(["umount", store], check=False)


@pytest.fixture
async def cluster(idle: NatsCluster) -> NatsCluster:
    await asyncio.to_thread(idle.start)
    async with NatsManager(idle.settings()) as manager:
        await ensure_streams(manager.js, replicas=3)
    await asyncio.to_thread(idle.whole)
    return idle


async def lead(cluster: NatsCluster, manager: NatsManager, name: str) -> None:
    """Give the lead of ORDERS to that server."""
    while cluster.leader("ORDERS").name != name:
        asked = json.dumps({"placement": {"preferred": name}}).encode()
        await manager.client.request("$JS.API.STREAM.LEADER.STEPDOWN.ORDERS", asked, timeout=5)
        await asyncio.to_thread(cluster.whole)


@pytest.mark.parametrize("leader", ["n1", "n2"])
async def test_a_server_whose_disk_was_full_is_mended_when_there_is_space(
    cluster: NatsCluster, monkeypatch: pytest.MonkeyPatch, leader: str
) -> None:
    """Where it led the stream, what was on its way is not acknowledged: a repetition is, and nothing is there twice."""
    node = cluster.nodes["n2"]
    store = Path(node.variables["nats_store"])
    ballast = store / "ballast"
    monkeypatch.setattr(program, "SETTLE_S", 0.0)
    monkeypatch.setattr(program, "LASTS_S", 1.0)

    def mend() -> str:
        return str(program.mend(node.pages, node, store, ENOUGH_MIB, 60))

    assert await asyncio.to_thread(mend) == ""
    ballast.write_bytes(bytes(BALLAST_MIB << 20))
    count, unacknowledged, repeat = 0, 0, False
    async with NatsManager(cluster.settings(nats_url=cluster.url.split(",")[0])) as manager, asyncio.timeout(120):
        await lead(cluster, manager, leader)
        while repeat or not program.stuck(node.pages):
            try:
                await manager.publish_acked("orders.AAPL", bytes(100_000), msg_id=f"full.{count}", timeout_s=5)
            except Error:
                unacknowledged, repeat = unacknowledged + 1, True
            else:
                count, repeat = count + 1, False
        # One that only follows costs the others nothing: each message is acknowledged at the first try.
        assert unacknowledged == 0 or leader == "n2"
        before = node.pages.get("varz")["start"]
        found = await asyncio.to_thread(mend)
        assert f"MiB free, expected {ENOUGH_MIB}" in found
        assert node.pages.get("varz")["start"] == before
        ballast.unlink()
        assert "restarted, and whole" in await asyncio.to_thread(mend)
        assert node.pages.get("varz")["start"] != before
        await manager.publish_acked("orders.AAPL", b"{}", timeout_s=30)
    await asyncio.to_thread(cluster.whole)
    for one in cluster.nodes.values():
        state = next(stream.state for stream in program.streams(one.pages.jetstream()) if stream.name == "ORDERS")
        assert state["last_seq"] == count + 1
    assert await asyncio.to_thread(mend) == ""


class Told:
    """Pages with these contents, and a unit that is not to be touched."""

    def __init__(self, **pages: object) -> None:
        self._pages = pages

    def get(self, path: str) -> dict[str, object]:
        found = self._pages[path]
        assert isinstance(found, dict)
        return found

    def jetstream(self) -> dict[str, object]:
        return self.get("jsz")

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} of a server that is to be left alone")


@pytest.mark.parametrize(
    ("jsz", "health", "free_mib", "found"),
    [
        ({}, {"status": "ok"}, 1, ""),
        ({}, {"status": "unavailable", "error": "stream ORDERS is not current"}, 1, ""),
        (
            {"disabled": True},
            {"status": "unavailable"},
            1,
            "JetStream is off; .* has 1 MiB free, expected 32: make room",
        ),
        ({"disabled": True}, {"status": "unavailable"}, 99, "JetStream is off; the server was started a moment ago"),
    ],
)
def test_what_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    jsz: dict[str, object],
    health: dict[str, object],
    free_mib: int,
    found: str,
) -> None:
    told = Told(jsz=jsz, healthz=health, varz={"start": program.datetime.now(program.UTC).isoformat()})
    monkeypatch.setattr(shutil, "disk_usage", lambda _store: SimpleNamespace(free=free_mib << 20))
    said = program.mend(told, told, tmp_path, 32, 1)
    assert re.fullmatch(f"{found}.*" if found else "", said)


async def test_a_server_that_is_being_restarted_is_left_alone(
    cluster: NatsCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its way out it turns JetStream off, as one without space does."""
    node = cluster.nodes["n2"]
    store = Path(node.variables["nats_store"])
    monkeypatch.setattr(program, "SETTLE_S", 0.0)
    own = next(url for url in cluster.url.split(",") if node.variables["nats_listen"] in url)
    async with NatsManager(cluster.settings(nats_url=own)):  # without a client it would end at once
        node.leave()
        assert await asyncio.to_thread(program.until, lambda: not program.stuck(node.pages), 30) is False
        mending = asyncio.create_task(asyncio.to_thread(program.mend, node.pages, node, store, 1, 60))
        await asyncio.to_thread(node.restart)
        await asyncio.to_thread(cluster.whole)
        before = node.pages.get("varz")["start"]
        assert await mending == ""
        assert node.pages.get("varz")["start"] == before


def test_a_server_that_is_away_is_left_to_systemd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--pages", "http://127.0.0.1:1", "mend", "--store", str(tmp_path)]
    assert program.main(words) == 0
    assert capsys.readouterr().out == ""
