"""What breaks in turn, under load: nothing acknowledged is lost, all are back in sync without a hand.

In this order, on one cluster; each begins and ends whole. The gaps are printed at the end, and judged by nobody: how
long an election takes is the server's own constant (nats-server 2.15: 4 to 9 s), and a timing is no test.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import HOSTS, Cluster

CUT_S = 30.0
CERTIFICATE = "/etc/cift/tls/nats.crt"
STORE, FULL = "/var/lib/nats", "/var/lib/nats.full"
UNITS = [
    ("cluster-1", "valkey-server"),
    ("cluster-2", "valkey-server"),
    ("cluster-1", "postgresql@17-main"),
    ("cluster-2", "postgresql@17-main"),
    ("cluster-3", "cift-chdb"),
    ("cluster-3", "cift-engine"),
    ("cluster-3", "cift-recorder"),
    ("cluster-3", "cift-api@1"),
]


def pid(cluster: Cluster, host: str, unit: str) -> str:
    return cluster.on(host, f"systemctl show --property MainPID --value {unit}").strip()


def kill(cluster: Cluster, host: str, unit: str) -> None:
    old = pid(cluster, host, unit)
    assert old != "0", f"{unit} doesn't run on {host}"
    cluster.on(host, f"kill -9 {old}")
    cluster.wait(lambda: "" if pid(cluster, host, unit) not in ("0", old) else f"{unit} isn't back on {host}")


def test_the_hosts_are_a_cluster(cluster: Cluster) -> None:
    cluster.wait_until_whole()
    releases = {host.name: host.release for host in cluster.lab.hosts()}
    assert releases == {"cluster-1": "13", "cluster-2": "13", "cluster-3": "12"}
    for host in HOSTS:
        server = cluster.page(host, "varz")
        assert server["tls_required"] is True
        assert server["version"] == "2.14.6"
        assert len({route["remote_id"] for route in cluster.page(host, "routez")["routes"]}) == 2
    cluster.check_nothing_lost()


@pytest.mark.parametrize("which", ["the leader", "the next leader", "a follower"])
def test_nats_is_killed(cluster: Cluster, which: str) -> None:
    leader = cluster.leader()
    host = next(name for name in HOSTS if name != leader) if which == "a follower" else leader
    with cluster.fault(f"kill -9 nats, {which}"):
        kill(cluster, host, "nats")


@pytest.mark.parametrize(("host", "unit"), UNITS)
def test_a_service_is_killed(cluster: Cluster, host: str, unit: str) -> None:
    with cluster.fault(f"kill -9 {unit}, {host}"):
        kill(cluster, host, unit)


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_cut_off(cluster: Cluster, host: str) -> None:
    cluster.wait_until_whole()
    leads = " (NATS's leader)" if cluster.leader() == host else ""
    with cluster.fault(f"{host} cut off for {CUT_S:.0f} s{leads}"):
        cluster.lab.plug(host, plugged=False)
        try:
            time.sleep(CUT_S)
        finally:
            cluster.lab.plug(host, plugged=True)


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_rebooted(cluster: Cluster, host: str) -> None:
    cluster.wait_until_whole()
    leads = " (NATS's leader)" if cluster.leader() == host else ""
    with cluster.fault(f"{host} rebooted{leads}"):
        cluster.lab.reboot(host, wait=True)


def test_nats_is_upgraded_server_by_server(cluster: Cluster) -> None:
    with cluster.fault("NATS upgraded, 2.14.6 to 2.15.1"):
        cluster.play("upgrade.yml")
    assert {cluster.page(host, "varz")["version"] for host in HOSTS} == {"2.15.1"}


def test_a_full_disk_stops_one_server_until_there_is_space(cluster: Cluster) -> None:
    """The store of one server lies on a small disk for a while, which somebody fills and empties again."""
    host = "cluster-2"
    small = (
        f"set -e; systemctl stop nats; mkdir -p {FULL}; size=$(du -sm {STORE} | cut -f1); "
        f"mount -t tmpfs -o size=$((size + 160))m,mode=0750,uid=nats,gid=nats tmpfs {FULL}; "
        f"cp -a {STORE}/. {FULL}/; mount --bind {FULL} {STORE}; systemctl start nats"
    )
    cluster.on(host, small)
    try:
        with cluster.fault(f"disk of {host} full, then emptied"):
            started = cluster.page(host, "varz")["start"]
            cluster.on(host, f"dd if=/dev/zero of={STORE}/ballast bs=4k 2>/dev/null; test -s {STORE}/ballast")
            cluster.wait(lambda: "" if _stuck(cluster, host) else f"{host} still writes")
            acknowledged = len(cluster.published.times)
            cluster.wait(lambda: "" if len(cluster.published.times) > acknowledged + 100 else "NATS takes nothing")
            assert cluster.page(host, "varz")["start"] == started
            cluster.on(host, f"rm {STORE}/ballast")
        assert cluster.page(host, "varz")["start"] != started
        assert "restarted, and whole" in cluster.on(host, "journalctl --no-pager -u cift-nats-mend")
    finally:
        back = f"systemctl stop nats; umount {STORE}; umount {FULL}; rmdir {FULL}; systemctl start nats"
        cluster.on(host, back)
        cluster.wait_until_whole()


def _stuck(cluster: Cluster, host: str) -> bool:
    said = cluster.try_on(host, "/usr/local/lib/cift/cift-nats whole --servers 3").stderr
    return any(word in said for word in ("write error", "no space", "not enabled"))


def test_an_expired_certificate_is_replaced(cluster: Cluster) -> None:
    host = "cluster-3"
    with cluster.fault(f"expired certificate on {host}, replaced by the role"):
        cluster.play("expire.yml", target=host)
        dates = cluster.try_on(host, f"openssl x509 -in {CERTIFICATE} -noout -checkend 0")
        assert dates.returncode == 1, "the certificate hasn't expired"
        refused = cluster.try_on(host, "/usr/local/lib/cift/cift-nats whole --servers 3")
        assert refused.returncode == 1, "a server with an expired certificate is a part of the cluster"
        cluster.play("renew.yml")
    assert cluster.on(host, f"openssl x509 -in {CERTIFICATE} -noout -checkend 86400")


def test_clickhouse_for_these_three_hosts_is_read_by_its_engine(cluster: Cluster, tmp_path: Path) -> None:
    from tests.servers.clickhouse_config import ask, install, render

    hosts = {
        name: {
            "cift_private_address": address,
            "clickhouse_listen": address,
            "clickhouse_keeper_mode": "embedded",
            "clickhouse_keeper_server_id": number,
        }
        for number, (name, address) in enumerate(sorted(cluster.address.items()), 1)
    }
    clients = ["10.77.0.0/16"]
    rendered = render(tmp_path, hosts, clickhouse_tls=True, clickhouse_keeper_tls=True, clickhouse_clients=clients)
    assert rendered.status == 0, rendered.output
    for name in hosts:
        install(rendered.server(name))
        question = "SELECT host_name FROM system.clusters WHERE cluster = 'cift' ORDER BY ALL"
        (found,) = ask(rendered.server(name), question)
        assert [row[0] for row in found] == sorted(cluster.address.values())
