"""backup.yml and restore.yml on real NATS clusters of three: saved once, and loaded onto as many servers as there are.

The hosts are this machine, each with folders and a server of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import BadRequestError

from cift.core.config import Settings
from cift.core.nats_manager import NatsManager
from cift.core.streams import ensure_streams
from tests.integration.test_backup_playbooks import play, secrets
from tests.integration.test_backup_stores import Unit
from tests.servers.nats import NatsServer, seed
from tests.servers.nats_cluster import NatsCluster, Node
from tests.unit.role_render import evaluate

pytestmark = [
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.geteuid() != 0, reason="the role installs age and writes as root"),
]
ORDERS, KEYS = 700, 5


def with_manager(settings: Settings, work: Callable[[NatsManager], Any]) -> Any:
    async def run() -> Any:
        async with NatsManager(settings) as manager:
            return await work(manager)

    return asyncio.run(run())


async def patiently(call: Callable[[], Any]) -> Any:
    """Servers on a busy machine may take each other for lost, for a moment: they refuse then, or nobody answers."""
    for _ in range(40):
        with suppress(BadRequestError, TimeoutError):
            return await call()
        await asyncio.sleep(0.5)
    return await call()


async def fill(manager: NatsManager) -> None:
    await patiently(lambda: ensure_streams(manager.js, replicas=3))
    for number in range(ORDERS):
        await manager.js.publish("orders.AAPL", b"%d" % number, headers={"Nats-Msg-Id": str(number)})
    await manager.js.pull_subscribe("orders.*", durable="engine", stream="ORDERS")
    bucket = await patiently(lambda: manager.js.create_key_value(bucket="state", history=KEYS, replicas=3))
    for number in range(KEYS):
        await bucket.put("engine", b"%d" % number)


async def seen(manager: NatsManager) -> dict[str, tuple[int, int]]:
    """Messages and copies of every stream."""
    streams = await manager.js.streams_info()
    return {one.config.name or "": (one.state.messages, one.config.num_replicas or 1) for one in streams}


def stop(node: Node) -> None:
    if node.process is not None:
        node.process.terminate()
        node.process.wait(30)
        node.process = None


def start(node: Node) -> None:
    if not node.active():
        node.start()


class Site:
    """Hosts of the group messaging on this machine, and the playbooks on them."""

    def __init__(self, folder: Path, backups: Path) -> None:
        self.folder, self.backups = folder, backups
        self.hosts: dict[str, Any] = {}
        self.units: list[Unit] = []

    def add(self, name: str, unit: tuple[Callable[[], None], Callable[[], None]], store: dict[str, Any]) -> None:
        own = self.folder / name
        own.mkdir(parents=True)
        self.units.append(Unit(own, *unit))
        store = {"kind": "nats", "group": "messaging", "python": sys.executable, "seed": seed("admin").decode()} | store
        self.hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "/usr/bin/python3",
            "backup_spool": str(own / "spool"),
            "__backup_programs": str(own / "programs"),
            "backup_paths": [str(own)],
            "backup_stores": {"nats": store | self.units[-1].order(Path(store["data"]))},
        }

    def play(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        groups = {name: {"hosts": {}} for name in ("trading", "analytics", "cache", "relational")}
        groups["messaging"] = {"hosts": self.hosts}
        (self.folder / "hosts.yml").write_text(json.dumps({"all": {"children": groups}}))
        variables = {
            "backup_destination": str(self.backups),
            **secrets(self.backups.parent),
            "backup_controller_paths": [],
        }
        return play(name, self.folder, variables, *words)


@contextmanager
def cluster_site(folder: Path, backups: Path) -> Iterator[tuple[NatsCluster, Site]]:
    folder.mkdir()
    cluster, site = NatsCluster(folder), Site(folder / "site", backups)
    try:
        for name, node in cluster.nodes.items():
            store = {
                "cluster": list(cluster.nodes),
                "nodes": len(cluster.nodes),
                "url": cluster.url,
                "ca": str(cluster.authority.path),
                "data": str(node.variables["nats_store"]),
            }
            site.add(name, (lambda node=node: start(node), lambda node=node: stop(node)), store)
        cluster.start()
        yield cluster, site
    finally:
        for unit in site.units:
            unit.close()
        cluster.stop()


def test_a_cluster_is_saved_once_and_loaded_onto_clusters_of_any_size(tmp_path: Path, nats_server: NatsServer) -> None:
    backups = tmp_path / "backups"
    with cluster_site(tmp_path / "before", backups) as (cluster, site):
        with_manager(cluster.settings(), fill)
        cluster.whole()
        # The server of the host that saves is down: any other will do.
        stop(cluster.nodes["n1"])
        done = site.play("backup")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("TASK [backup : Save nats]") == 1
        start(cluster.nodes["n1"])
        cluster.whole()
        before = with_manager(cluster.settings(), seen)
        assert (before["ORDERS"], before["KV_state"]) == ((ORDERS, 3), (KEYS, 3))
    (backup,) = backups.glob("2*")
    assert {str(one.relative_to(backup)) for one in backup.rglob("*nats*")} == {"messaging/nats.age"}

    with cluster_site(tmp_path / "after", backups) as (cluster, site):
        with_manager(cluster.settings(), lambda manager: patiently(lambda: ensure_streams(manager.js, replicas=3)))
        cluster.whole()
        done = site.play("restore")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"nats ORDERS: {ORDERS} rows saved, {ORDERS} restored, hash equal" in done.stdout
        assert f"nats KV_state: {KEYS} rows saved, {KEYS} restored, hash equal" in done.stdout
        cluster.whole()
        assert with_manager(cluster.settings(), seen) == before
        assert len(list(cluster.folder.glob("n?/js.before-*"))) == 3

        part = site.play("restore", "--limit", "n2")
        assert part.returncode != 0
        said = " ".join(part.stdout.split())
        assert "nats: found no n1, n3 in this run, expected every host of the cluster" in said, part.stdout

        # Refused, and then taken back on all three when one server can't be started.
        with_manager(cluster.settings(), lambda manager: manager.js.publish("orders.AAPL", b"later"))
        refused = site.play("restore")
        assert refused.returncode != 0
        said = " ".join(refused.stdout.split())
        assert "expected an empty store, or -e restore_replace=true" in said, refused.stdout
        store = site.hosts["n3"]["backup_stores"]["nats"]
        once = cluster.folder / "once"
        once.touch()
        store["start"][2] = f'if [ -e "{once}" ]; then rm "{once}"; exit 1; fi; {store["start"][2]}'
        failed = site.play("restore", "-e", "restore_replace=true")
        assert failed.returncode != 0
        assert "rescued=1" in failed.stdout
        assert not once.exists()
        cluster.whole()
        after = with_manager(cluster.settings(), seen)
        assert after == before | {"ORDERS": (ORDERS + 1, 3)}
        assert not list(cluster.folder.glob("*/js.restore-aside"))

        # Killed half way: one server's folder was aside, the others' weren't yet.
        for node in cluster.nodes.values():
            stop(node)
        data = Path(str(cluster.nodes["n2"].variables["nats_store"]))
        data.rename(data.with_name("js.restore-aside"))
        for node in cluster.nodes.values():
            start(node)
        done = site.play("restore", "-e", "restore_replace=true")
        assert done.returncode == 0, done.stdout + done.stderr
        cluster.whole()
        assert with_manager(cluster.settings(), seen) == before

    alone = Site(tmp_path / "alone", backups)
    store = {"cluster": ["solo"], "nodes": 1, "url": nats_server.url, "data": str(nats_server.folder / "js")}
    alone.add("solo", (lambda: nats_server.process or nats_server.start(), nats_server.stop), store)
    try:
        done = alone.play("restore")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"nats ORDERS: {ORDERS} rows saved, {ORDERS} restored, hash equal" in done.stdout
        assert with_manager(nats_server.settings(), seen) == {name: (rows, 1) for name, (rows, _) in before.items()}
        consumer = with_manager(nats_server.settings(), lambda manager: manager.js.consumer_info("ORDERS", "engine"))
        assert consumer.num_pending == ORDERS
    finally:
        alone.units[0].close()


def test_where_the_role_finds_a_cluster_and_a_server_by_itself(tmp_path: Path) -> None:
    nodes = [{"name": name, "address": address} for name, address in (("n1", "10.0.0.1"), ("n2", "10.0.0.2"))]
    known = {"cift_secret_nats_admin": "SU", "nats_port": 4333, "cift_clickhouse_engine": "chdb"}
    many = evaluate("backup", "__backup_known.nats", known | {"nats_nodes": nodes}, tmp_path)
    assert (many["url"], many["nodes"]) == ("nats://10.0.0.1:4333,nats://10.0.0.2:4333", 2)
    one = evaluate("backup", "__backup_known.nats", known | {"nats_listen": "10.0.0.9"}, tmp_path)
    assert (one["url"], one["nodes"]) == ("nats://10.0.0.9:4333", 1)
