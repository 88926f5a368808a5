"""cift-nats on a real cluster: restarts without a gap, loaded configurations, metrics; processes in systemd's place."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from nats.errors import Error

from cift.core.nats_manager import NatsManager, NatsUnavailableError
from cift.core.streams import ensure_streams
from tests.servers.nats import seed
from tests.servers.nats_cluster import NatsCluster, Node, program

BINARY = str(Path(sys.executable).with_name("nats-server"))


@pytest.fixture
async def ready(nats_cluster: NatsCluster) -> NatsCluster:
    async with NatsManager(nats_cluster.settings()) as manager:
        await ensure_streams(manager.js, replicas=3)
    await asyncio.to_thread(nats_cluster.whole)
    return nats_cluster


async def test_all_servers_restarted_one_after_the_other_under_load(ready: NatsCluster) -> None:
    """Each acknowledged order is there once; who publishes tries again with the same id, as the API's clients do."""
    stored: list[float] = []
    stop = asyncio.Event()

    async def publish(manager: NatsManager) -> int:
        number = 0
        while not stop.is_set():
            number += 1
            while True:
                try:
                    await manager.publish_acked("orders.AAPL", b"{}", msg_id=f"rolling.{number}", timeout_s=0.5)
                    break
                except (Error, OSError, TimeoutError):
                    await asyncio.sleep(0.02)
            stored.append(time.monotonic())
            await asyncio.sleep(0.005)
        return number

    async with NatsManager(ready.settings()) as manager:
        before = (await manager.js.stream_info("ORDERS")).state.last_seq
        publishing = asyncio.create_task(publish(manager))
        for node in ready.nodes.values():
            old = node.pages.get("varz")["start"]
            await asyncio.to_thread(program.restart, node.pages, node, 60, strict=True)
            assert node.pages.get("varz")["start"] != old
            assert "lame duck" in node.log
        stop.set()
        count = await publishing
        await asyncio.to_thread(ready.whole)
        assert (await manager.js.stream_info("ORDERS")).state.last_seq == before + count
    gap = max(after - earlier for earlier, after in pairwise(stored))
    print(f"\nthree servers restarted under load, {count} orders: longest wait for an acknowledgement {gap:.2f} s")
    assert gap < 10


async def test_a_leader_is_sent_away_before_its_server_stops(ready: NatsCluster) -> None:
    node = ready.leader("ORDERS")
    node.leave()
    assert program.until(lambda: "ORDERS" in program.leads(node.pages), 15) is False
    await asyncio.to_thread(node.restart)
    await asyncio.to_thread(ready.whole)


async def test_a_cluster_that_is_not_whole_is_left_alone(ready: NatsCluster) -> None:
    away, left = ready.nodes["n1"], ready.nodes["n2"]
    away.kill()
    old = left.pages.get("varz")["start"]
    # A server that has been away for a while is known to be; until then its last word counts.
    assert program.until(lambda: not any(map(lacking, ready.nodes.values())), 30) is False
    leader = next(node for node in ready.nodes.values() if lacking(node))
    with pytest.raises(program.NotWholeError, match=r"not restarted: .*expected a whole cluster"):
        await asyncio.to_thread(program.restart, leader.pages, leader, 1, strict=True)
    assert left.pages.get("varz")["start"] == old
    away.start()
    await asyncio.to_thread(ready.whole)


def lacking(node: Node) -> str:
    return program.problem(node.pages, 3) if node.active() else ""


async def test_a_new_user_and_a_new_certificate_are_loaded_without_a_restart(ready: NatsCluster) -> None:
    node = ready.nodes["n1"]
    url = ready.url.split(",")[0]
    settings = ready.settings("stranger", nats_url=url)
    with pytest.raises(NatsUnavailableError):
        await NatsManager(settings).connect(timeout_s=2)
    old, keys = node.pages.get("varz")["start"], node.variables["nats_keys"]
    node.variables["nats_keys"] = keys | {"admin": seed("stranger").decode()}
    ready.configure()
    first = await asyncio.to_thread(served, node, ready)
    renewed = ready.authority.issue("n1", addresses=("127.0.1.1",))  # in place of the old one
    wanted = program.digest(BINARY, str(node.config))
    assert await asyncio.to_thread(program.load, node.pages, node, wanted, 30) is False
    assert node.pages.get("varz")["start"] == old
    second = await asyncio.to_thread(served, node, ready)
    assert second == x509.load_pem_x509_certificate(renewed.certificate.read_bytes()).serial_number != first
    async with NatsManager(settings) as manager:
        assert await manager.ping() > 0
    node.variables["nats_keys"] = keys
    ready.configure()
    wanted = program.digest(BINARY, str(node.config))
    assert await asyncio.to_thread(program.load, node.pages, node, wanted, 30) is False
    await asyncio.to_thread(ready.whole)


def served(node: Node, cluster: NatsCluster) -> int:
    """The serial number of the certificate that the server shows; it speaks first, and then TLS."""
    address = node.variables["nats_listen"], node.variables["nats_port"]
    context = ssl.create_default_context(cafile=str(cluster.authority.path))
    with contextlib.closing(socket.create_connection(address, timeout=20)) as plain:
        plain.recv(4096)
        with context.wrap_socket(plain, server_hostname=address[0]) as connection:
            shown = connection.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown).serial_number


async def test_what_cannot_be_loaded_takes_a_restart(ready: NatsCluster) -> None:
    node = ready.nodes["n3"]
    old = node.pages.get("varz")["start"]
    text = node.config.read_text()
    node.config.write_text(text.replace('js"', 'js/"'))  # another name of the same folder, which can't be reloaded
    wanted = program.digest(BINARY, str(node.config))
    assert await asyncio.to_thread(program.load, node.pages, node, wanted, 60) is True
    assert node.pages.get("varz")["start"] != old
    assert node.pages.get("varz")["config_digest"] == wanted
    await asyncio.to_thread(ready.whole)


async def test_metrics_of_a_server_and_of_one_that_is_away(ready: NatsCluster, tmp_path: Path) -> None:
    text = program.metrics(ready.leader("ORDERS").pages)
    for line in ("nats_server_up 1", "nats_server_healthy 1", 'nats_stream_leader{account="CIFT",stream="ORDERS"} 1'):
        assert line in text.splitlines()
    assert text.count('nats_stream_replica_current{account="CIFT",stream="ORDERS"') == 2
    assert "nats_server_in_msgs_total" in text
    path = tmp_path / "nats.prom"
    assert program.main(["--pages", ready.nodes["n1"].pages.address, "metrics", "--file", str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o644
    assert program.metrics(program.Pages("http://127.0.0.1:1")).splitlines()[-1] == "nats_server_up 0"


def test_the_command_line_says_in_one_sentence_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--pages", "http://127.0.0.1:1", "whole", "--servers", "3"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("cift-nats whole: http://127.0.0.1:1: no answer")
    assert said.count("\n") == 1
