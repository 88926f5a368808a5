"""What systemd hears from a service."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cift.core.notify import keep_alive, notify, ready, watchdog_s, working
from cift.core.runtime import Standstill


def test_it_reaches_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        ready("deciding from 1")
        assert systemd.recv(100) == b"READY=1\nSTATUS=deciding from 1"
        working("replaying", seconds=5)
        assert systemd.recv(100) == b"STATUS=replaying\nEXTEND_TIMEOUT_USEC=5000000"


def test_without_systemd_it_is_silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not notify("READY=1")


def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: float) -> socket.socket:
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(tmp_path / "notify"))
    systemd.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(seconds * 1e6)))
    return systemd


def heard(systemd: socket.socket) -> int:
    count = 0
    with suppress(BlockingIOError):
        while systemd.recv(100) == b"WATCHDOG=1":
            count += 1
    return count


async def test_signs_of_life_for_as_long_as_work_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    position, waiting = 0, 5
    stuck = Standstill(lambda: position, lambda: waiting > 0)
    with watched(monkeypatch, tmp_path, 0.2) as systemd:
        alive = asyncio.create_task(keep_alive(stuck))
        for _ in range(6):
            position += 1
            await asyncio.sleep(0.05)
        assert heard(systemd) >= 3
        await asyncio.sleep(0.2)  # what waits is not taken any more
        heard(systemd)
        await asyncio.sleep(0.3)
        assert heard(systemd) == 0
        waiting = 0  # nothing to do is no standstill
        await asyncio.sleep(0.2)
        assert heard(systemd) >= 1
        time.sleep(0.3)  # noqa: ASYNC251 (a loop that hangs)
        assert heard(systemd) == 0
        alive.cancel()


async def test_nobody_watches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    assert watchdog_s() == 0
    await keep_alive(lambda: False)
    with watched(monkeypatch, tmp_path, 30):
        assert watchdog_s() == 30
        monkeypatch.setenv("WATCHDOG_PID", "1")  # a parent's
        assert watchdog_s() == 0
