"""What systemd hears from a service."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cift.core.notify import notify, ready, working


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
