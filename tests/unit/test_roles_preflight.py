"""Preflight's checks: found, expected and fix, each in one sentence."""

from __future__ import annotations

import socket
from pathlib import Path

import ansible.module_utils
import pytest

ansible.module_utils.__path__.append(str(Path(__file__).parents[2] / "roles/preflight/module_utils"))

from ansible.module_utils import preflight_checks as checks  # noqa: E402


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ('ID=debian\nVERSION_ID="13"\n', True),
        ('ID=debian\nVERSION_ID="11"\n', False),
        ('ID=ubuntu\nVERSION_ID="12"\n', False),
        ("", False),
    ],
)
def test_release(text: str, good: bool) -> None:
    check = checks.release({"debian": ["12", "13"]}, text)
    assert check.good is good
    assert "expected debian 12 or debian 13; " in check.sentence()


@pytest.mark.parametrize(("kib", "good"), [(16 << 20, True), (int(15.4 * (1 << 20)), True), (15 << 20, False)])
def test_memory_allows_for_what_firmware_keeps(kib: int, good: bool) -> None:
    assert checks.memory(16, f"MemFree: 1 kB\nMemTotal:  {kib} kB\n").good is good


def test_cores_and_architecture() -> None:
    assert checks.cores(4, 4).good
    assert "CPUs: found 2, expected at least 4; " in checks.cores(4, 2).sentence()
    assert not checks.architecture(["x86_64"], "riscv64").good


def test_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert checks.disk(str(tmp_path / "not/yet"), 0, 0).good
    assert "expected at least 1e+06 GiB free" in checks.disk(str(tmp_path / "not/yet"), 0, 1e6).sentence()


def test_a_port_may_be_held_by_its_own_service() -> None:
    held = {4222: {"nats.service"}, 5432: {"postgresql@17-main.service"}, 6379: {"python3 (process 7)"}}
    assert checks.port(8000, "cift-api.service", held).found == "free"
    assert checks.port(4222, "nats.service", held).good
    assert checks.port(5432, "postgresql@*.service", held).good
    taken = checks.port(6379, "redis-server.service", held)
    assert "port 6379: found held by python3 (process 7), expected free or held by redis-server" in taken.sentence()


def test_holders_sees_a_real_listener() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert server.getsockname()[1] in checks.holders()
