"""The firewall's rules: rendered for several sites, checked by nft, and loaded for real in namespaces of their own.

A namespace stands in for the host, another, with several addresses, for those who come to it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.role_site import ROLES, Site

PROGRAM = ROLES / "firewall/files/cift_firewall.py"
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces with a link between them need root"),
    pytest.mark.timeout(120),
]
TRADER, STORE, STRANGER, OPERATOR = "198.51.100.2", "198.51.100.3", "198.51.100.66", "198.51.100.77"


@pytest.fixture(autouse=True)
def nft() -> None:
    if shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
        pytest.fail("nft not found: install the Debian package nftables")


def one_host() -> Site:
    groups = {name: ["cift-1"] for name in ("trading", "messaging", "analytics", "cache", "relational")}
    return Site({"cift-1": {"cift_private_address": "127.0.0.1"}}, groups)


def three_hosts() -> Site:
    hosts = {f"h-{n}": {"cift_private_address": f"198.51.100.{n}"} for n in (1, 2, 3)}
    groups = {"messaging": ["h-1"], "relational": ["h-1", "h-3"], "trading": ["h-2"], "monitoring": ["h-3"]}
    return Site(hosts, groups)


def three_hosts_of_ipv6() -> Site:
    site = three_hosts()
    for number, variables in enumerate(site.hosts.values(), start=1):
        variables["cift_private_address"] = f"2001:db8::{number}"
    return site


FEED = {"port": 30001, "addresses": ["233.252.0.1"], "networks": ["203.0.113.0/24"]}
ROW = {"port": 7777, "protocol": "udp", "serves": "all", "uses": ["all"], "why": "own"}
FEEDS = {"firewall_feeds": [FEED], "firewall_rows": [ROW], "time_ptp_interface": "eth1"}


@pytest.mark.parametrize("site", [one_host, three_hosts, three_hosts_of_ipv6])
@pytest.mark.parametrize("extra", [{}, {"firewall_notrack": False}, FEEDS])
def test_nft_takes_the_rules_of_every_host(site: Any, extra: dict[str, Any]) -> None:
    where = site()
    for host in where.hosts:
        assert where.value("firewall", host, "__firewall_sentences | select | list", **extra) == []
        text = where.render("firewall", host, "firewall.nft.j2", **extra)
        done = subprocess.run(
            ["unshare", "-n", "nft", "-c", "-f", "-"], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + text
        assert "policy drop" in text
        assert "flush" not in text


def test_ports_follow_from_groups() -> None:
    rules = {host: three_hosts().render("firewall", host, "firewall.nft.j2") for host in ("h-1", "h-2", "h-3")}
    assert "ip saddr { 198.51.100.2 } tcp dport 4222 accept" in rules["h-1"]
    assert "ip saddr { 198.51.100.2, 198.51.100.3 } tcp dport 5432 accept" in rules["h-1"]
    assert "dport 5432 accept" not in rules["h-2"]
    assert "dport 4222 accept" not in rules["h-3"]
    assert "ip daddr { 198.51.100.1 } tcp dport 4222 notrack" in rules["h-2"]
    assert "dport 6222 accept" not in rules["h-1"]
    assert "ip saddr { 198.51.100.3 } tcp dport 9100 accept" in rules["h-2"]
    assert "notrack" not in three_hosts().render("firewall", "h-1", "firewall.nft.j2", firewall_notrack=False)


def test_a_keeper_is_reached_wherever_it_runs() -> None:
    site = three_hosts()
    site.groups["analytics"] = ["h-1"]
    for host in ("h-2", "h-3"):
        site.hosts[host]["clickhouse_keeper_mode"] = "separate"
    rules = {host: site.render("firewall", host, "firewall.nft.j2") for host in site.hosts}
    assert "dport 9181 accept" not in rules["h-1"]
    assert "ip saddr { 198.51.100.1 } tcp dport 9181 accept" in rules["h-2"]
    assert "ip saddr { 198.51.100.2 } tcp dport 9234 accept" in rules["h-3"]


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"firewall_ssh_networks": []}, "firewall_ssh_networks: found none, expected at least the network"),
        ({"firewall_api_networks": ["nowhere"]}, "found nowhere, expected addresses or networks"),
        ({"firewall_rows": [ROW | {"port": 70000}]}, "found 70000, expected 1 to 65535"),
    ],
)
def test_what_cannot_be_is_refused_in_words(extra: dict[str, Any], sentence: str) -> None:
    found = three_hosts().value("firewall", "h-1", "__firewall_sentences | select | list", **extra)
    assert len(found) == 1
    assert sentence in found[0]


def test_a_host_without_an_address_is_named() -> None:
    site = three_hosts()
    del site.hosts["h-3"]["cift_private_address"]
    found = site.value("firewall", "h-1", "__firewall_sentences | select | list")
    assert found == [
        "cift_private_address: found none for h-3, expected the address from which each host comes to the others; set "
        "it in the inventory"
    ]


class Host:
    """A host with servers on some ports in one namespace, and those who come to it in another."""

    def __init__(self, root: Path) -> None:
        self.root, mark = root, f"{os.getpid() % 100000}"
        self.name, self.outside = f"cift-fw-{mark}", f"cift-fw-{mark}-out"
        self.servers: list[subprocess.Popen[bytes]] = []
        for name in (self.name, self.outside):
            subprocess.run(["ip", "netns", "add", name], check=True)
            self.ip(name, "link", "set", "lo", "up")
        self.ip(self.outside, "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", self.name)
        self.ip(self.name, "addr", "add", "198.51.100.1/24", "dev", "in")
        self.ip(self.name, "link", "set", "in", "up")
        for address in (TRADER, STORE, STRANGER, OPERATOR):
            self.ip(self.outside, "addr", "add", f"{address}/24", "dev", "out")
        self.ip(self.outside, "link", "set", "out", "up")

    def ip(self, name: str, *words: str) -> None:
        subprocess.run(["ip", "-n", name, *words], check=True)

    def run(self, *words: str, where: str = "") -> subprocess.CompletedProcess[str]:
        command = ["ip", "netns", "exec", where or self.name, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    def firewall(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, str(PROGRAM), *words, "--root", str(self.root))

    def want(self, text: str) -> None:
        path = self.root / "etc/cift/firewall.nft"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def serve(self, *ports: int) -> None:
        code = (
            "import socket, sys, threading\n"
            "def serve(port):\n"
            "    server = socket.create_server(('0.0.0.0', port))\n"
            "    print(port, flush=True)\n"
            "    while True:\n"
            "        peer = server.accept()[0]; peer.sendall(peer.recv(5)); peer.close()\n"
            "for port in sys.argv[1:]: threading.Thread(target=serve, args=(int(port),)).start()\n"
        )
        words = ["ip", "netns", "exec", self.name, sys.executable, "-c", code, *map(str, ports)]
        server = subprocess.Popen(words, stdout=subprocess.PIPE)
        self.servers.append(server)
        assert server.stdout is not None
        for _ in ports:
            server.stdout.readline()

    def answers(self, port: int, source: str) -> bool:
        """Say whether a connection from the address gets its own words back."""
        code = (
            "import socket, sys\n"
            "c = socket.create_connection(('198.51.100.1', int(sys.argv[1])), 0.7, (sys.argv[2], 0))\n"
            "c.sendall(b'hello'); print(c.recv(5))\n"
        )
        return "hello" in self.run(sys.executable, "-c", code, str(port), source, where=self.outside).stdout

    def close(self) -> None:
        for server in self.servers:
            server.kill()
            server.wait()
        for name in (self.name, self.outside):
            subprocess.run(["ip", "netns", "del", name], check=False)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.close()


def rules(**extra: Any) -> str:
    networks = {"firewall_ssh_networks": [f"{OPERATOR}/32"], "firewall_ssh_port": 2222}
    return three_hosts().render("firewall", "h-1", "firewall.nft.j2", **{**networks, **extra})


@pytest.mark.parametrize("notrack", [True, False])
def test_allowed_ports_answer_and_others_do_not(host: Host, notrack: bool) -> None:
    host.serve(4222, 5432, 9100, 9999, 2222)
    assert host.answers(9999, STRANGER)
    host.run("nft", "add", "table", "inet", "others")
    host.want(rules(firewall_notrack=notrack))
    assert host.firewall("state").stdout.strip() == "wanted"
    assert host.firewall("try", "30").returncode == 0
    assert host.firewall("confirm").returncode == 0
    allowed = {(4222, TRADER), (5432, TRADER), (5432, STORE), (9100, STORE), (2222, OPERATOR)}
    sources = (TRADER, STORE, STRANGER, OPERATOR)
    found = {(port, who) for port in (4222, 5432, 9100, 9999, 2222) for who in sources if host.answers(port, who)}
    assert found == allowed
    assert "inet others" in host.run("nft", "list", "tables").stdout
    ping = ["ping", "-c1", "-W1", "-I", STRANGER, "198.51.100.1"]
    assert not shutil.which("ping") or host.run(*ping, where=host.outside).returncode == 0
    verdicts = {row["setting"]: row["verdict"] for row in json.loads(host.firewall("verify").stdout)}
    # The unit isn't on this machine.
    assert verdicts == {
        "kept rules": "pass", "live rules": "pass", "policy of input": "pass", "cift-firewall.service": "fail"
    }  # fmt: skip


def test_a_second_run_has_nothing_to_do_and_drift_is_seen(host: Host) -> None:
    host.want(rules())
    host.firewall("try", "30")
    host.firewall("confirm")
    assert host.firewall("state").stdout.strip() == "kept"
    host.firewall("start")
    assert host.firewall("state").stdout.strip() == "kept"
    host.run("nft", "add", "rule", "inet", "cift", "input", "tcp", "dport", "9999", "accept")
    assert host.firewall("state").stdout.strip() == "wanted"
    rows = {row["setting"]: row for row in json.loads(host.firewall("verify").stdout)}
    assert rows["live rules"]["live"] == "changed since they were loaded"
    host.firewall("stop")
    assert host.run("nft", "list", "tables").stdout.strip() == ""
    assert {row["setting"]: row["live"] for row in json.loads(host.firewall("verify").stdout)}["live rules"] == "none"


def test_rules_that_shut_the_operator_out_are_taken_back(host: Host) -> None:
    host.serve(2222)
    host.want(rules())
    host.firewall("try", "30")
    host.firewall("confirm")
    assert host.answers(2222, OPERATOR)
    kept = host.run("nft", "-s", "list", "table", "inet", "cift").stdout
    host.want(rules(firewall_ssh_networks=["203.0.113.0/24"]))
    host.firewall("try", "3")
    assert not host.answers(2222, OPERATOR)
    end = time.monotonic() + 20
    while not host.answers(2222, OPERATOR):
        assert time.monotonic() < end
    assert host.run("nft", "-s", "list", "table", "inet", "cift").stdout == kept
    late = host.firewall("confirm")
    assert late.returncode == 1
    assert "found no rules on trial, expected some; they were taken back" in late.stderr
    # A boot loads what was kept, and the wanted rules are still to be tried.
    assert "198.51.100.77" in (host.root / "etc/nftables.d/60-cift.nft").read_text()
    assert host.firewall("state").stdout.strip() == "wanted"


def test_rules_that_nft_refuses_change_nothing(host: Host) -> None:
    host.want(rules())
    host.firewall("try", "30")
    host.firewall("confirm")
    kept = host.run("nft", "-s", "list", "ruleset").stdout
    host.want(rules().replace("policy drop", "policy perhaps"))
    refused = host.firewall("try", "30")
    assert refused.returncode == 1
    assert "nft refuses it" in refused.stderr
    assert host.run("nft", "-s", "list", "ruleset").stdout == kept
    assert not (host.root / "run/cift-firewall/trial").exists()


def test_a_host_that_may_not_load_rules_says_so(host: Host) -> None:
    words = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    rows = json.loads(host.run(*words, sys.executable, str(PROGRAM), "verify", "--root", str(host.root)).stdout)
    assert [row["verdict"] for row in rows] == ["skip"]
    assert "this host may not load rules: " in rows[0]["why"]
