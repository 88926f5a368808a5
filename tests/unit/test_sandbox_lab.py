"""Names, subnets, records and refusals of the sandbox: what needs no root."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cift.ops.sandbox import guest, network, preflight, records, ssh
from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import HostRecord, LabRecord
from cift.ops.sandbox.release import by_host, codename, number


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "lab", tmp_path / "cache")


def test_names_fit_the_kernel_and_tell_labs_apart(layout: Layout) -> None:
    other = Layout(layout.root.with_name("other"), layout.cache)
    assert layout.bridge != other.bridge
    assert layout.machine("cift-1") != other.machine("cift-1")
    assert max(len(layout.bridge), len(layout.veth("10.77.255.254"))) <= 15
    assert not layout.bridge.startswith(layout.veth_prefix)


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([], "10.77.0.0/24"),
        (["10.77.0.0/24", "10.77.1.128/25"], "10.77.2.0/24"),
        (["0.0.0.0/0", "192.168.0.0/16"], "10.77.0.0/24"),
        (["10.77.0.0/17"], "10.77.128.0/24"),
    ],
)
def test_the_first_free_subnet_is_taken(used: list[str], expected: str) -> None:
    assert str(network.free_subnet(map(ipaddress.IPv4Network, used))) == expected


def test_no_free_subnet_is_said() -> None:
    with pytest.raises(RefusedError, match=r"every /24 of 10\.77\.0\.0/16 is in use"):
        network.free_subnet([ipaddress.IPv4Network("10.0.0.0/8")])


def test_addresses_are_filled_from_below_and_end() -> None:
    subnet = ipaddress.IPv4Network("10.77.3.0/24")
    assert network.free_address(subnet, []) == "10.77.3.11"
    assert network.free_address(subnet, ["10.77.3.11", "10.77.3.13"]) == "10.77.3.12"
    with pytest.raises(RefusedError, match="at most 244 hosts"):
        network.free_address(subnet, [f"10.77.3.{octet}" for octet in range(11, 255)])


def test_releases_have_a_number_and_a_name() -> None:
    assert [codename(word) for word in ("12", "bookworm", " Trixie")] == ["bookworm", "bookworm", "trixie"]
    assert number("trixie") == "13"
    with pytest.raises(RefusedError, match=r"'sid' is not known; expected one of 12 \(bookworm\), 13 \(trixie\)"):
        codename("sid")


def test_each_host_may_have_a_release_of_its_own() -> None:
    assert by_host(["a", "b", "c=12"], "13") == {"a": "13", "b": "13", "c": "12"}
    assert by_host(["a=12", "a=bookworm"], "13") == {"a": "12"}
    for words, sentence in (
        (["a="], "found 'a=', expected NAME or NAME=RELEASE"),
        (["=12"], "found '=12', expected NAME or NAME=RELEASE"),
        (["a", "a=12"], "host 'a' is named with Debian 13 and with 12"),
        (["a=14"], "release '14' is not known"),
    ):
        with pytest.raises(RefusedError, match=sentence):
            by_host(words, "13")


def test_records_survive_a_round_and_a_bad_file_is_named(layout: Layout) -> None:
    assert records.load(layout) == LabRecord()
    layout.root.mkdir()
    record = LabRecord("10.77.3.0/24", {"a": HostRecord("a", "trixie", "10.77.3.11", "/base", "down")})
    records.save(layout, record)
    assert records.load(layout) == record
    assert layout.records.stat().st_mode & 0o777 == 0o600
    layout.records.write_text('{"hosts": {"a": {"name": 7}}}')
    with pytest.raises(RefusedError, match=r"lab\.json cannot be read .*; remove it"):
        records.load(layout)


def test_a_lock_is_taken_in_turns_and_survives_the_removal_of_its_folder(layout: Layout) -> None:
    waited: list[str] = []
    hold = (
        "import sys, pathlib, shutil; from cift.ops.sandbox.records import locked; path = pathlib.Path(sys.argv[1])\n"
        "with locked(path): print('held', flush=True); sys.stdin.read(); shutil.rmtree(path.parent)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(layout.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        stdin = other.stdin

        def waiting() -> None:
            waited.append("waiting")
            stdin.close()

        with records.locked(layout.lock, waiting):
            assert waited == ["waiting"]
            assert layout.lock.exists()


def test_ssh_knows_every_host_that_has_a_key(layout: Layout) -> None:
    layout.root.mkdir()
    hosts = [
        HostRecord("a", "trixie", "10.77.3.11", "/base", host_key="ssh-ed25519 AAAA"),
        HostRecord("unborn", "trixie", "10.77.3.12", "/base"),
    ]
    ssh.write_config(layout, LabRecord("10.77.3.0/24", {host.name: host for host in hosts}))
    assert layout.known_hosts.read_text() == "a,10.77.3.11 ssh-ed25519 AAAA\n"
    told = subprocess.run(
        ["ssh", "-G", "-F", layout.ssh_config, "a"], check=True, capture_output=True, text=True
    ).stdout
    options = dict(line.split(" ", 1) for line in told.splitlines() if " " in line)
    assert options["hostname"] == "10.77.3.11"
    assert options["hostkeyalias"] == "a"
    assert options["user"] == "root"
    assert options["stricthostkeychecking"] in ("true", "yes")
    assert "unborn" not in layout.ssh_config.read_text()


def test_etc_hosts_keeps_the_lines_of_others(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    a, b = (HostRecord(name, "trixie", f"10.77.3.{octet}", "/base") for name, octet in (("a", 11), ("b", 12)))
    hosts = tmp_path / "etc/hosts"
    guest.introduce(tmp_path, b, [a, b])
    assert hosts.read_text().splitlines()[0] == "127.0.0.1 localhost"
    hosts.write_text(hosts.read_text() + "192.0.2.7 elsewhere\n")
    guest.introduce(tmp_path, b, [b])
    lines = hosts.read_text().splitlines()
    assert "192.0.2.7 elsewhere" in lines
    assert "10.77.3.12 b" in lines
    assert "10.77.3.11 a" not in lines
    guest.introduce(tmp_path, b, [a, b])
    assert hosts.read_text().splitlines().index("10.77.3.12 b") < hosts.read_text().splitlines().index("10.77.3.11 a")
    assert hosts.read_text().count(guest.BEGIN) == 1


def test_missing_commands_are_named_with_their_packages() -> None:
    assert preflight.missing_commands(lambda _: "/usr/bin/x") == []
    absent = {"mmdebstrap", "ssh", "ssh-keygen"}
    assert preflight.missing_commands(lambda command: None if command in absent else "/usr/bin/x") == [
        "not installed: mmdebstrap, ssh, ssh-keygen; apt-get install mmdebstrap openssh-client"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else, which takes root")
def test_who_is_not_root_is_told_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "setpriv",
            "--reuid=65534",
            sys.executable,
            "-c",
            "from cift.ops.sandbox import preflight; preflight.check_root()",
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert "sandbox hosts need root, and this is user 65534; run it with sudo" in done.stderr


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(RefusedError, match="need Linux, and this is Darwin"):
        preflight.check(tmp_path)
