"""The database's sizes, who may connect, and what the role refuses: by Ansible's own templating."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.role_site import ROLES, Site
from tests.unit.role_code import load

standby = load("postgresql/library/postgresql_standby.py")
SECRETS = {"cift_secret_postgresql": "a" * 32, "cift_secret_postgresql_replication": "b" * 32}


def site(memory_mb: int = 65536, cpus: int = 16) -> Site:
    hosts = {f"db-{n}": {"cift_private_address": f"198.51.100.{n}", **SECRETS} for n in (1, 2)}
    hosts["epyc"] = {"cift_private_address": "198.51.100.9", **SECRETS}
    facts = {"memtotal_mb": memory_mb, "processor_nproc": cpus, "distribution_major_version": "13"}
    return Site(hosts, {"relational": ["db-1", "db-2"], "trading": ["epyc"]}, facts)


def refusals(host: str = "db-1", where: Site | None = None, **extra: Any) -> list[str]:
    where = where or site()
    found = where.value("postgresql", host, "__postgresql_unreadable | select | list", **extra)
    return found or where.value("postgresql", host, "__postgresql_unfit | select | list", **extra)


@pytest.mark.parametrize(
    ("memory", "cpus", "wanted"),
    [
        (65536, 16, ["16384MB", "49152MB", "163MB", "2048MB", "16", "16", "4", "8192MB"]),
        (4096, 2, ["1024MB", "3072MB", "10MB", "256MB", "8", "2", "1", "1024MB"]),
        (1024, 1, ["256MB", "768MB", "4MB", "64MB", "8", "1", "0", "1024MB"]),
    ],
)
def test_sizes_follow_from_the_host(memory: int, cpus: int, wanted: list[str]) -> None:
    names = ["shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem", "max_worker_processes"]
    names += ["max_parallel_workers", "max_parallel_workers_per_gather", "max_wal_size"]
    found = [site(memory, cpus).value("postgresql", "db-1", f"__postgresql_server.{name}") for name in names]
    assert [str(value) for value in found] == wanted
    assert refusals(where=site(memory, cpus)) == []


def test_neighbours_leave_a_share_and_a_plan_its_cpus() -> None:
    where = site()
    where.groups |= {"messaging": ["db-1"], "cache": ["db-1"], "analytics": ["db-1"]}
    assert where.value("postgresql", "db-1", "postgresql_shared_buffers") == "4096MB"
    plan = {"services": {"postgresql": {"cpus": [4, 5, 6]}}}
    assert int(where.value("postgresql", "db-1", "postgresql_max_parallel_workers", cift_plan=plan)) == 3


def test_own_values_win() -> None:
    assert site().value("postgresql", "db-1", "__postgresql_server.work_mem", postgresql_work_mem="7MB") == "7MB"
    wanted = site().value("postgresql", "db-1", "__postgresql_wanted", postgresql_shared_buffers="1GB")
    assert int(wanted["shared_buffers"]) == 1 << 30


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"postgresql_shared_buffers": "40GB"}, "found 40GB, expected at most 60 % of the 65536MB that the host has"),
        ({"postgresql_work_mem": "1GB"}, "postgresql_work_mem: found 1GB for each of 100 connections"),
        ({"postgresql_shared_buffers": "lots"}, "postgresql_shared_buffers: found lots, expected a number with kB, MB"),
        ({"postgresql_max_parallel_workers": 99}, "expected at most postgresql_max_worker_processes, 16"),
        ({"postgresql_min_wal_size": "9GB"}, "expected at most postgresql_max_wal_size, 8192MB"),
        ({"postgresql_clients": ["10.0.0.1"]}, "found 10.0.0.1, expected a network such as 192.0.2.0/24"),
        ({"postgresql_password": ""}, "postgresql_password: found nothing"),
        ({"postgresql_replication_password": ""}, "because there are standbys"),
        ({"postgresql_replication_user": "cift"}, "expected a role of its own"),
        ({"postgresql_primary_host": "198.51.100.1"}, "found this host itself"),
        ({"postgresql_synchronous_standbys": ["db-2"], "postgresql_synchronous_count": 2}, "expected 1 to 1"),
        ({"postgresql_synchronous_standbys": ["db-7"]}, "found db-7, expected names of postgresql_standbys"),
        ({"postgresql_memory_share": 1.5}, "expected more than 0 and at most 1"),
    ],
)
def test_what_cannot_be_is_refused_in_words(extra: dict[str, Any], sentence: str) -> None:
    found = refusals(**extra)
    assert len(found) == 1
    assert sentence in found[0]
    assert not any(word in found[0] for word in SECRETS.values())


def test_who_may_connect() -> None:
    text = site().render("postgresql", "db-1", "cift_hba.conf.j2", postgresql_clients=["192.0.2.0/24"])
    rules = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert rules[:2] == [["local", database, "all", "peer"] for database in ("all", "replication")]
    assert {tuple(rule[:4]) for rule in rules[2:]} == {
        *(("host", "cift", "cift", net) for net in ("127.0.0.1/32", "::1/128", "192.0.2.0/24")),
        *(("host", "cift", "cift", f"198.51.100.{number}/32") for number in (2, 9)),
        ("host", "replication", "cift_replication", "198.51.100.2/32"),
    }
    assert {rule[4] for rule in rules[2:]} == {"scram-sha-256"}
    tls = site().render("postgresql", "db-1", "cift_hba.conf.j2", postgresql_tls=True)
    assert {line.split()[0] for line in tls.splitlines() if line and not line.startswith("#")} == {"local", "hostssl"}


def test_two_runs_write_the_same() -> None:
    where = site()
    traders = [f"epyc-{number}" for number in range(1, 9)]
    where.hosts |= {name: {"cift_private_address": f"198.51.100.1{name[-1]}", **SECRETS} for name in traders}
    where.groups |= {"trading": traders}
    text = where.render("postgresql", "db-1", "cift_hba.conf.j2")
    clients = [line.split()[3] for line in text.splitlines() if " cift  198.51.100.1" in line]
    assert clients == [f"198.51.100.1{number}/32" for number in range(1, 9)]


def test_no_password_is_in_the_configuration() -> None:
    for host, primary in (("db-1", ""), ("db-2", "198.51.100.1")):
        text = site().render("postgresql", host, "cift.conf.j2", postgresql_primary_host=primary)
        assert not any(secret in text for secret in SECRETS.values())
    assert "primary_slot_name = 'db_2'" in text
    password = site().render("postgresql", "db-2", "replication.pgpass.j2", postgresql_replication_password="a:b\\c")
    assert password.strip() == "*:*:*:cift_replication:a\\:b\\\\c"


def test_a_promoted_standby_waits_for_nobody() -> None:
    extra = {"postgresql_synchronous_standbys": ["db-2"]}
    assert site().value("postgresql", "db-1", "__postgresql_server.synchronous_standby_names", **extra) == (
        'ANY 1 ("db-2")'
    )
    extra["postgresql_primary_host"] = "198.51.100.1"
    assert site().value("postgresql", "db-2", "__postgresql_server.synchronous_standby_names", **extra) == ""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """The folders of a cluster as initdb leaves it."""
    for name in ("base/1/1259", "base/5/1259_vm", "pg_tblspc", "global"):
        (tmp_path / "main" / name).mkdir(parents=True)
    return tmp_path / "main"


def test_what_a_data_directory_is(cluster: Path) -> None:
    assert standby.state_of(cluster.parent / "none") == "absent"
    assert standby.state_of(cluster) == "fresh"
    (cluster / "base/5/16384").touch()
    assert standby.state_of(cluster) == "used"
    (cluster / "standby.signal").touch()
    assert standby.state_of(cluster) == "standby"


@pytest.mark.parametrize("entry", ["base/16385", "base/5/16390.1", "pg_tblspc/16400"])
def test_anything_that_somebody_made_counts_as_data(cluster: Path, entry: str) -> None:
    (cluster / entry).mkdir()
    assert standby.state_of(cluster) == "used"
    with pytest.raises(standby.StandbyError, match="found a primary with data of its own, expected a standby"):
        standby.refuse(cluster, "used", "host=x", False)
    standby.refuse(cluster, "used", "host=x", True)


def test_something_else_in_its_place_counts_as_data(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert standby.state_of(tmp_path) == "used"


def test_a_standby_named_primary_is_refused(cluster: Path) -> None:
    with pytest.raises(standby.StandbyError, match=r"found a standby, expected a primary.*promote\.yml"):
        standby.refuse(cluster, "standby", "", False)


def test_settings_below_the_primary_s() -> None:
    control = "max_connections setting:              200\nmax_worker_processes setting:         8\n"
    assert standby.too_small(control, {"max_connections": "100", "max_worker_processes": 8}) == [
        "postgresql_max_connections: found 100, expected at least 200, as the primary has it; correct either"
    ]


def test_the_archive_is_never_written_over(tmp_path: Path) -> None:
    script = ROLES / "postgresql/files/cift_wal_archive.sh"
    segment, target = tmp_path / "segment", tmp_path / "archive/000000010000000000000001"
    target.parent.mkdir()
    segment.write_bytes(b"first" * 1000)

    def archive() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", script, segment, target], capture_output=True, text=True, check=False)

    assert (archive().returncode, target.read_bytes()) == (0, segment.read_bytes())
    assert archive().returncode == 0
    segment.write_bytes(b"other")
    refused = archive()
    assert (refused.returncode, target.read_bytes()) == (1, b"first" * 1000)
    assert "found another content" in refused.stderr
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    segment.unlink()
    target.unlink()
    assert archive().returncode != 0
    assert list(target.parent.iterdir()) == []
