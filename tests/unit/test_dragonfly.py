"""The role dragonfly: its flags are the server's, its unit is systemd's, and what can't work is refused first."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
import yaml
from ansible.errors import AnsibleFilterError

from tests.unit.role_code import ROLES, load
from tests.unit.role_render import evaluate, refusals, render

ansible.module_utils.__path__.append(str(ROLES / "setting/module_utils"))
from ansible.module_utils import setting_rows  # noqa: E402

size = load("dragonfly/filter_plugins/dragonfly_filters.py").dragonfly_bytes
SAMPLES = Path(__file__).parent / "samples"
PLAN = {"services": {"cache": {"cpus": [4, 5, 20, 21], "numa_node": 0}}}
BASE: dict[str, Any] = {"dragonfly_password": "long-secret", "dragonfly_listen": "10.0.0.5", "ansible_managed": "ours"}
REPLICA = {"dragonfly_replicaof_host": "10.0.0.6", "dragonfly_master_password": "replica-secret"}
SETS: dict[str, dict[str, Any]] = {
    "plain": BASE,
    "planned": BASE | {"cift_plan": PLAN, "dragonfly_maxmemory": "16gb", "dragonfly_snapshot_cron": ""},
    "operated": BASE | {"dragonfly_operator_password": "operator-secret"},
    "tls": BASE | {"dragonfly_tls": True},
    "replica": BASE | REPLICA,
    "tls-replica": BASE | REPLICA | {"dragonfly_tls": True, "dragonfly_replicaof_host": "fd00::6"},
    "cluster": BASE | {"dragonfly_cluster_mode": "yes", "dragonfly_admin_listen": "10.0.0.5", "dragonfly_tls": True},
    "own": BASE | {"dragonfly_flags": {"tiered_prefix": "/nvme/dragonfly", "dbnum": 1, "tcp_nodelay": False}},
}
INTEGERS = {"uint16_t": (0, 1 << 16), "uint32_t": (0, 1 << 32), "int32_t": (-1 << 31, 1 << 31)}
WORD = re.compile(r"\S(.*\S)?")
SHAPES: dict[str, Callable[[str], Any]] = {
    "bool": re.compile("true|false").fullmatch,
    "string": WORD.fullmatch,
    "std::string": WORD.fullmatch,
    "strings::MemoryBytesFlag": lambda text: size(text) > 0,
    "ReplicaOfFlag": re.compile(r"([\w.-]+|\[[0-9a-f:]+\]):\d+").fullmatch,
    "CronExprFlag": re.compile(r"[\d*/,-]+( [\d*/,-]+){4}").fullmatch,
}


def table(name: str) -> dict[str, set[str]]:
    lines = [line for line in (SAMPLES / name).read_text().splitlines() if line and not line.startswith("#")]
    types: dict[str, set[str]] = {}
    for flag, kind in (line.split("\t") for line in lines[1:]):
        types.setdefault(flag, set()).add(kind)
    return types


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dragonfly")
    render("dragonfly", SETS, ["dragonfly.conf", "users.acl"], folder)
    return folder


def flags(folder: Path, name: str) -> dict[str, str]:
    lines = (folder / name / "dragonfly.conf").read_text().splitlines()
    pairs = [line.removeprefix("--").partition("=") for line in lines if line and not line.startswith("#")]
    assert all(line.startswith("--") for line in lines if line and not line.startswith("#"))
    return {flag: value for flag, _, value in pairs}


@pytest.mark.parametrize("name", SETS)
def test_every_flag_is_the_servers_and_has_a_value_of_its_type(rendered: Path, name: str) -> None:
    known = table("dragonfly-flags-1.40.1.tsv") | table("dragonfly-flags-libraries.tsv")
    assert "1.40.1" in (ROLES / "artifact/vars/main.yml").read_text().partition("dragonfly:")[2].splitlines()[1]
    for flag, value in flags(rendered, name).items():
        assert flag in known
        for kind in known[flag]:
            if kind in INTEGERS:
                least, end = INTEGERS[kind]
                assert least <= int(value) < end, flag
            else:
                assert SHAPES[kind](value), f"{flag}={value} is no {kind}"


def test_flags_of_a_host_with_a_plan(rendered: Path) -> None:
    found = flags(rendered, "planned")
    assert (found["proactor_threads"], found["maxmemory"]) == ("4", "16gb")
    assert (found["bind"], found["version_check"]) == ("10.0.0.5", "false")
    assert "snapshot_cron" not in found
    assert {"tls", "replicaof", "masterauth", "cluster_mode"} & found.keys() == set()


def test_flags_of_a_replica_over_tls(rendered: Path) -> None:
    found = flags(rendered, "tls-replica")
    assert found["replicaof"] == "[fd00::6]:6379"
    assert (found["masteruser"], found["masterauth"]) == ("replica", "replica-secret")
    assert found["tls_ca_cert_file"] == "/etc/cift/tls/ca.crt"
    assert found["tls_replication"] == found["no_tls_on_admin_port"] == "true"


def test_clients_of_a_primary_need_no_certificate_and_a_public_admin_port_speaks_tls(rendered: Path) -> None:
    assert "tls_ca_cert_file" not in flags(rendered, "tls")
    assert flags(rendered, "cluster")["no_tls_on_admin_port"] == "false"
    assert flags(rendered, "cluster")["cluster_mode"] == "yes"


def test_own_flags_win(rendered: Path) -> None:
    assert flags(rendered, "own")["dbnum"] == "1"
    assert flags(rendered, "own")["tcp_nodelay"] == "false"


def test_nobody_reads_a_password(rendered: Path) -> None:
    """But for the one that a server must say to its primary."""
    for name in SETS:
        text = "".join(file.read_text() for file in (rendered / name).iterdir())
        assert "long-secret" not in text
        assert "operator-secret" not in text
        assert text.count("replica-secret") == ("replica" in name)


@pytest.mark.parametrize("name", SETS)
def test_the_list_of_users_is_one_that_the_server_reads(rendered: Path, name: str) -> None:
    """MaterializeFileContents of its source: `user`, four words or more in each line, and no comments."""
    lines = (rendered / name / "users.acl").read_text().splitlines()
    assert all(line.split(" ")[0] == "user" and len(line.split(" ")) >= 4 for line in lines)
    assert lines[0] == "user default off -@all"
    assert re.fullmatch(r"user cift on #[0-9a-f]{64} ~\* &\* \+@all -@admin -@dangerous \+info", lines[1])
    assert len(lines) == 2 + ("replica" in name) + (name == "operated")
    if name == "operated":
        assert re.fullmatch(r"user operator on #[0-9a-f]{64} ~\* &\* \+@all", lines[2])


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With a program and a user that are there: systemd looks for them."""
    render("dragonfly", {"plain": BASE}, ["dragonfly.service"], tmp_path)
    text = (tmp_path / "plain/dragonfly.service").read_text()
    assert "ExecStart=/opt/dragonfly/current/bin/dragonfly --flagfile=/etc/dragonfly/dragonfly.conf" in text
    unit = tmp_path / "dragonfly.service"
    unit.write_text(re.sub(r"/opt/dragonfly/\S+", "/bin/true", text).replace("User=dfly", "User=daemon"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_verify_reads_of_a_replica_over_tls(rendered: Path, tmp_path: Path) -> None:
    checks = evaluate("dragonfly", "__dragonfly_checks", SETS["tls-replica"] | {"cift_plan": PLAN}, tmp_path)
    setting_rows.validate(checks)
    by_path = {check["path"]: check for check in checks if check["kind"] == "file"}
    flag_file = (rendered / "tls-replica/dragonfly.conf").read_text().replace("threads=1", "threads=4")
    assert setting_rows.missing_texts(by_path["/etc/dragonfly/dragonfly.conf"]["contains"], flag_file) == []
    users = (rendered / "tls-replica/users.acl").read_text()
    assert setting_rows.missing_texts(by_path["/etc/dragonfly/users.acl"]["contains"], users) == []
    (rows,) = (check for check in checks if check["kind"] == "rows")
    words = ["--host", "10.0.0.5", "--port", "6379", "--ca", "/etc/cift/tls/ca.crt"]
    words += ["--certificate", "/etc/cift/tls/dragonfly.crt", "--key", "/etc/cift/tls/dragonfly.key"]
    assert rows["argv"] == [
        "/usr/local/lib/cift/cift-dragonfly",
        "verify",
        *words,
        "--threads",
        "4",
        "--cpus",
        "4,5,20,21",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("16gb", 16 << 30), ("512mb", 512 << 20), ("1.5G", 3 << 29), ("2GiB", 2 << 30), (268435456, 256 << 20),
        ("64 kb", 64 << 10), ("1t", 1 << 40), ("0", 0), ("10b", 10),
    ],
)  # fmt: skip
def test_sizes(text: str | int, found: int) -> None:
    assert size(text) == found


@pytest.mark.parametrize("text", ["", "gb", "-1gb", "16 gigs", "1,5gb", "16gbb", "1e9"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(AnsibleFilterError, match=r"expected a number with a unit, such as 512mb or 16gb"):
        size(text)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "fine": ({}, ""),
    "planned": ({"cift_plan": PLAN, "dragonfly_maxmemory": "1gb"}, ""),
    "password": ({"dragonfly_password": ""}, "dragonfly_password is empty, expected a password"),
    "cpu": (
        {"cift_plan": {"services": {"cache": {"cpus": []}}}},
        "dragonfly_proactor_cpus: found no CPU for the service cache in the host's plan, expected one at least; give",
    ),
    "little": (
        {"cift_plan": PLAN, "dragonfly_maxmemory": "1023mb"},
        "dragonfly_maxmemory: found 1023mb for 4 threads, expected at least 1024mb (256 MB for each); raise it",
    ),
    "much": ({"dragonfly_maxmemory": "900tb"}, "dragonfly_maxmemory: found 900tb, expected at most the host's "),
    "size": ({"dragonfly_maxmemory": "lots"}, "found the size 'lots', expected a number with a unit"),
    "none": ({"dragonfly_proactor_threads": 0}, "dragonfly_proactor_threads: found 0, expected a number from 1 up"),
    "never": ({"dragonfly_snapshot_cron": ""}, ""),
    "cron": ({"dragonfly_snapshot_cron": "every hour"}, 'dragonfly_snapshot_cron: found "every hour", expected'),
    "replica": ({"dragonfly_replicaof_host": "10.0.0.6"}, "dragonfly_master_password: found none with dragonfly_repl"),
    "stranger": (
        REPLICA | {"dragonfly_tls": True, "dragonfly_tls_auth_clients": False},
        "dragonfly_tls_auth_clients: found false on a replica, expected true",
    ),
    "blank": ({"dragonfly_user": "a user"}, "dragonfly_user: found a blank, a quotation mark or nothing, expected a w"),
}


def test_what_cannot_work_is_refused_before_anything_changes(tmp_path: Path) -> None:
    said = refusals(
        "dragonfly", "refuse", {name: BASE | variables for name, (variables, _) in REFUSED.items()}, tmp_path
    )
    for name, (_, sentence) in REFUSED.items():
        assert sentence in said[name], name
        assert bool(said[name]) is bool(sentence), said[name]
    first = yaml.safe_load((ROLES / "dragonfly/tasks/main.yml").read_text())[0]
    assert first["ansible.builtin.include_tasks"] == "refuse.yml"
