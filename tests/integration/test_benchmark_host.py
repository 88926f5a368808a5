"""Jitter and network by the real programs, where the machine has them and lets them."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cift.benchmarks import jitter, network
from cift.benchmarks.profile import QUICK
from tests.servers.nats import free_port


def needs(name: str, package: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed: {package}")


def test_jitter_is_measured_or_said_why_not() -> None:
    needs("cyclictest", "rt-tests")
    rows = {row.key: row for row in jitter.measure(QUICK)}
    assert set(rows) == set(jitter.KEYS)
    for row in rows.values():
        assert row.verdict == "passed" or "could not measure here" in row.why
    assert rows["jitter_busy"].n > 1_000, "oslat needs no rights"


@pytest.fixture
def peer() -> Iterator[str]:
    needs("sockperf", "sockperf")
    port = free_port()
    command = ["sockperf", "server", "--tcp", "-i", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        time.sleep(0.5)
        yield f"127.0.0.1:{port}"
        server.terminate()


def test_round_trips_to_a_peer(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(network.PEER_VARIABLE, peer)
    (row,) = network.measure(replace(QUICK, repetitions=2))
    assert (row.key, row.verdict, row.unit) == ("network", "passed", "us")
    assert row.n > 100
    assert row.p50 is not None
    assert row.p99 is not None
    assert 0 < row.p50 <= row.p99


def test_a_peer_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("sockperf", "sockperf")
    monkeypatch.setenv(network.PEER_VARIABLE, f"127.0.0.1:{free_port()}")
    with pytest.raises(network.NetworkError, match=r"sockperf to 127.* refused"):
        network.measure(QUICK)
