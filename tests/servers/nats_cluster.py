"""Three real NATS servers by the role's own template, all over TLS, each at a loopback address of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cift.core.config import Settings
from tests.servers.certificates import Authority
from tests.servers.nats import seed
from tests.unit.role_code import load
from tests.unit.role_render import render

program = load("nats/files/cift_nats.py")
USERS = ("sys", "admin", "api", "engine", "recorder", "feed", "benchmark", "leaf")
ADDRESSES = {"n1": "127.0.1.1", "n2": "127.0.1.2", "n3": "127.0.1.3"}


def free_everywhere(count: int) -> list[int]:
    """Ports that are free at all addresses of the loopback."""
    found: list[int] = []
    for _ in range(count):
        with socket.socket() as sock:
            sock.bind(("0.0.0.0", 0))
            found.append(int(sock.getsockname()[1]))
    return found


class Node:
    """One server; what cift-nats does to a unit of systemd is done to its process here."""

    def __init__(self, name: str, folder: Path, variables: dict[str, Any]) -> None:
        self.name, self.folder, self.variables = name, folder, variables
        self.config = folder / "nats.conf"
        monitoring = f"http://{variables['nats_monitoring_listen']}:{variables['nats_monitoring_port']}"
        self.pages = program.Pages(monitoring)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = Path(sys.executable).with_name("nats-server")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([binary, "-c", self.config], stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def active(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def restart(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
        self.start()

    def reload(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)

    def leave(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGUSR2)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


class NatsCluster:
    """`nodes` by name, all running and whole after `start`."""

    def __init__(self, folder: Path, **own: Any) -> None:
        self.folder = folder
        self.authority = Authority(folder, "ca")
        client, route, monitoring = free_everywhere(3)
        shared = {
            "ansible_managed": "ours",
            "nats_keys": {user: seed(user).decode() for user in USERS},
            "nats_nodes": [{"name": name, "address": address} for name, address in ADDRESSES.items()],
            "nats_route_password": "route" * 5,
            "nats_tls": True,
            "nats_port": client,
            "nats_cluster_port": route,
            "nats_monitoring_port": monitoring,
            "nats_tls_ca": str(self.authority.path),
            "nats_max_memory_store": "64MB",
            "nats_max_file_store": "2GB",
        }
        self.nodes: dict[str, Node] = {}
        for name, address in ADDRESSES.items():
            certificate = self.authority.issue(name, addresses=(address,))
            where = {"nats_server_name": name, "nats_listen": address, "nats_monitoring_listen": address}
            keys = {"nats_tls_certificate": str(certificate.certificate), "nats_tls_key": str(certificate.key)}
            (folder / name).mkdir()
            store = {"nats_store": str(folder / name / "js")}
            self.nodes[name] = Node(name, folder / name, shared | where | keys | store | own)
        self.url = ",".join(f"tls://{address}:{client}" for address in ADDRESSES.values())
        self.configure()

    def configure(self) -> None:
        """Render every server's configuration by its variables as they are now."""
        drafts = self.folder / f"drafts-{time.monotonic_ns()}"
        drafts.mkdir()
        render("nats", {name: node.variables for name, node in self.nodes.items()}, ["nats.conf"], drafts)
        for name, node in self.nodes.items():
            shutil.copy(drafts / name / "nats.conf", node.config)

    def start(self) -> None:
        for node in self.nodes.values():
            node.start()
        self.whole()

    def whole(self, timeout_s: float = 40.0) -> None:
        """Wait until every server says so in one round: what moves between two looks is seen by nobody."""

        def lacks() -> dict[str, str]:
            found = {node.name: program.problem(node.pages, len(self.nodes)) for node in self.nodes.values()}
            return {name: lack for name, lack in found.items() if lack}

        lack = program.until(lacks, timeout_s)
        assert not lack, f"{lack}\n" + "\n".join(self.nodes[name].log[-2000:] for name in lack)

    def settings(self, user: str = "admin", **own: Any) -> Settings:
        given = {"nats_url": self.url, "nats_ca": str(self.authority.path)}
        return Settings().model_copy(update=given | {"nats_seed": SecretStr(seed(user).decode())} | own)

    def leader(self, stream: str) -> Node:
        for node in self.nodes.values():
            if node.active() and stream in program.leads(node.pages):
                return node
        raise AssertionError(f"nobody leads {stream}")

    def stop(self) -> None:
        for node in self.nodes.values():
            node.kill()


@pytest.fixture(scope="module")
def nats_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """A cluster for a file's tests; each leaves it whole."""
    cluster = NatsCluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
