"""The cluster as its operator has it: ssh to each host, and clients with the secrets that the play made."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loads import STREAM, Analysed, Cached, Inserted, Published
from rich.console import Console
from rich.table import Table

from cift.ops.runner.variable import host_variable
from cift.ops.sandbox import Lab

ROOT = Path(__file__).parents[3]
AUTHORITY = ROOT / ".state/pki/molecule-cluster/ca.crt"
HOSTS = ("cluster-1", "cluster-2", "cluster-3")
WHOLE_S = 240.0
sys.path.append(str(ROOT))


def secret(name: str) -> str:
    return str(host_variable(ROOT, Path(os.environ["MOLECULE_INVENTORY_FILE"]), HOSTS[0], name))


class Cluster:
    """The hosts, the loads on them, and what was felt of each fault."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.address = {host.name: host.address for host in self.lab.hosts()}
        one, two, three = (self.address[name] for name in HOSTS)
        trust = ssl.create_default_context(cafile=AUTHORITY)
        seed = secret("cift_secret_nats_admin")
        self.published = Published([one, two, three], seed, trust)
        self.cached = Cached(one, two, secret("cift_secret_cache"), str(AUTHORITY))
        self.inserted = Inserted(two, one, secret("cift_secret_postgresql"), trust)
        self.analysed = Analysed(self.ssh("cluster-3"), secret("cift_secret_clickhouse"))
        self.loads: list[Any] = [self.published, self.cached, self.inserted, self.analysed]
        self.felt: list[dict[str, Any]] = []

    def ssh(self, host: str) -> list[str]:
        return ["ssh", "-F", str(self.lab.layout.ssh_config), "-o", "ConnectTimeout=3", host]

    def try_on(self, host: str, command: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.ssh(host), command], capture_output=True, text=True, check=False, timeout=timeout_s
        )

    def on(self, host: str, command: str, timeout_s: float = 60) -> str:
        done = self.try_on(host, command, timeout_s)
        assert done.returncode == 0, f"{host}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def play(self, name: str, **extra: str) -> str:
        """Run a playbook of the scenario with Molecule's inventory: its file, and what is linked beside it."""
        inventory = Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent
        words = ["ansible-playbook", "-i", str(inventory), str(Path(__file__).parents[1] / name)]
        words += [word for key, value in extra.items() for word in ("-e", f"{key}={value}")]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=1500)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        return done.stdout

    def page(self, host: str, path: str) -> dict[str, Any]:
        read = (
            f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8222/{path}', timeout=5).read().decode())"
        )
        return dict(json.loads(self.on(host, f'python3 -c "{read}"')))

    def leader(self) -> str:
        """Return the host whose NATS leads the stream of the load, as soon as there is one."""
        found: list[str] = []

        def lacks() -> str:
            found.append(self._stream("cluster-1")["cluster"].get("leader", ""))
            return "" if found[-1] else f"nobody leads {STREAM}"

        self.wait(lacks)
        return found[-1]

    def _stream(self, host: str) -> dict[str, Any]:
        accounts = self.page(host, "jsz?accounts=true&streams=true").get("account_details") or []
        found = [one for account in accounts for one in account.get("stream_detail") or [] if one["name"] == STREAM]
        return dict(found[0]) if found else {"cluster": {}, "state": {"last_seq": 0}}

    def lacks(self) -> str:
        """Return why the cluster isn't whole, nothing when it is: every copy up to date, every service well."""
        for host in HOSTS:
            whole = self.try_on(host, "/usr/local/lib/cift/cift-nats whole --servers 3")
            if whole.returncode != 0:
                return f"{host}: {whole.stderr.strip()}"
            failed = self.try_on(host, "systemctl --failed --no-legend --plain").stdout.strip()
            if failed:
                return f"{host}: {failed}"
        if (link := self.cached.link()) != "up":
            return f"the cache's replica: its link is {link}"
        streams = self.try_on("cluster-2", "runuser -u postgres -- psql -Atc 'SELECT state FROM pg_stat_replication'")
        if streams.stdout.strip() != "streaming":
            return f"the database's standby: {streams.stdout.strip() or streams.stderr.strip() or 'none'}"
        return ""

    def wait_until_whole(self) -> None:
        """Wait until everything is in sync and every writer was heard again.

        Raises:
            AssertionError: it isn't in time.
        """
        self.wait(self.lacks)
        asked = time.monotonic()
        self.wait(lambda: next((f"{load.name}: {load.trouble}" for load in self.loads if load.times[-1] < asked), ""))

    def wait(self, lacks: Callable[[], str], timeout_s: float = WHOLE_S) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                lack = lacks()
            except Exception as error:  # a host that is away, a server that isn't up yet
                lack = f"{type(error).__name__}: {error}"
            if not lack:
                return
            assert time.monotonic() < deadline, lack
            time.sleep(0.5)

    def check_nothing_lost(self) -> None:
        """Hold every acknowledged number against what each copy has; wait for copies that are milliseconds behind."""
        acknowledged = {load.name: len(load.times) for load in self.loads}
        copies: dict[str, tuple[str, Callable[[], list[int]]]] = {
            "NATS": ("NATS", self.published.stored),
            "cache": ("cache", lambda: self.cached.stored(replica=False)),
            "cache's replica": ("cache", lambda: self.cached.stored(replica=True)),
            "PostgreSQL": ("PostgreSQL", lambda: self.inserted.stored(standby=False)),
            "PostgreSQL's standby": ("PostgreSQL", lambda: self.inserted.stored(standby=True)),
            "analytics": ("analytics", self.analysed.stored),
        }
        for name, (load, stored) in copies.items():
            wanted = range(acknowledged[load])

            def lost(name: str = name, wanted: range = wanted, stored: Callable[[], list[int]] = stored) -> str:
                missing = sorted(set(wanted) - set(stored()))
                return (
                    f"{name} lost {len(missing)} of {len(wanted)} acknowledged, first {missing[:5]}" if missing else ""
                )

            self.wait(lost, 30)
        messages = self.published.stored()
        assert len(messages) == len(set(messages)), "NATS has a number twice"
        assert self.published.sequences == sorted(self.published.sequences), "sequence numbers went back"

    @contextmanager
    def fault(self, what: str) -> Iterator[None]:
        """Begin whole; after what is done within, be whole again by itself, with nothing acknowledged lost."""
        self.wait_until_whole()
        began = time.monotonic()
        yield
        self.wait_until_whole()
        row = {"fault": what, "whole_after_s": round(time.monotonic() - began, 1)}
        row |= {load.name: round(load.gap(began), 2) for load in self.loads}
        row["machine_load"] = round(os.getloadavg()[0], 1)
        self.felt.append(row)
        self.check_nothing_lost()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    for load in cluster.loads:
        load.make()
    for load in cluster.loads:
        load.start()
    deadline = time.monotonic() + 60
    while not all(load.times for load in cluster.loads):
        silent = {load.name: load.trouble for load in cluster.loads if not load.times}
        assert time.monotonic() < deadline, silent
        time.sleep(0.1)
    yield cluster
    for load in cluster.loads:
        load.stop()
    _show(cluster)


def _show(cluster: Cluster) -> None:
    names = [load.name for load in cluster.loads]
    table = Table("fault under load", *(f"{name} (s)" for name in names), "whole after (s)", "load")
    for row in cluster.felt:
        gaps = [f"{row[name]:.2f}" for name in names]
        table.add_row(row["fault"], *gaps, f"{row['whole_after_s']:.1f}", f"{row['machine_load']:.0f}")
    console = Console(width=140)
    console.print("\nLongest wait for an acknowledgement during each fault; load: of the machine that the hosts share")
    console.print(table)
    totals = ", ".join(f"{load.name} {len(load.times)}" for load in cluster.loads)
    console.print(f"acknowledged and found in every copy: {totals}")
    report = ROOT / "reports/molecule-cluster/gaps.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(cluster.felt, indent=2) + "\n")
