"""Jitter and network: what their programs write, and what is said where they are missing or may do nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cift.benchmarks import jitter, network
from cift.benchmarks.profile import QUICK

SAMPLES = Path(__file__).parent / "samples"


@pytest.mark.parametrize("name", ["cyclictest-2.4", "cyclictest-2.6", "oslat-2.4", "oslat-2.6"])
def test_what_both_releases_of_debian_write(name: str) -> None:
    written = (SAMPLES / f"{name}.json").read_bytes()
    thread = json.loads(written)["thread"]["0"]
    found = jitter.read(written)
    assert max(found) - thread["max"] in (0, 1)  # 2.6 rounds a bucket up
    assert sum(found.values()) == thread.get("cycles", sum(found.values())) > 500


def test_what_is_beyond_the_last_bucket_counts_as_the_worst() -> None:
    written = json.dumps({"thread": {"0": {"cpu": 4, "max": 900, "cycles": 100, "histogram": {"3": 98}}}})
    assert jitter.read(written.encode()) == {3: 98, 900: 2}


@pytest.mark.parametrize("written", [b"", b"{}", b'{"thread": {}}', b'{"thread": {"0": {"cpu": 1}}}'])
def test_what_is_cut_short_is_refused(written: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected samples|missing required field|malformed|truncated"):
        jitter.read(written)


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_without_the_programs_both_rows_say_which_package_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    rows = jitter.measure(QUICK)
    assert [row.key for row in rows] == list(jitter.KEYS)
    assert all(row.verdict == "skipped" and "rt-tests" in row.why for row in rows)


def test_a_program_that_may_not_raise_its_priority_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program(tmp_path, "cyclictest", "echo 'ERROR:' >&2; echo 'ERROR: Unable to change' >&2; exit 1")
    program(tmp_path, "oslat", "exit 0")
    rows = {row.key: row.why for row in jitter.measure(QUICK)}
    assert rows["jitter_wakeup"] == (
        "cyclictest could not measure here, with the priority and the locked memory it asks for: Unable to change"
    )
    assert "left no result that can be read" in rows["jitter_busy"]


def test_a_histogram_becomes_percentiles_of_microseconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    script = f'for word; do case $word in --json=*) cp {SAMPLES}/cyclictest-2.4.json "${{word#--json=}}";; esac; done'
    program(tmp_path, "cyclictest", script)
    row = jitter.measure(replace(QUICK, jitter_runs=2))[0]
    thread = json.loads((SAMPLES / "cyclictest-2.4.json").read_text())["thread"]["0"]
    assert (row.key, row.unit, row.n) == ("jitter_wakeup", "us", 2 * thread["cycles"])
    assert row.max == pytest.approx(thread["max"], rel=0.01)
    assert row.p50 is not None
    assert row.p99 is not None
    assert row.p50 <= row.p99 <= row.max
    assert len(row.runs["p99"]) == 2


LOG = (
    "sockperf: <MIN>\n---\npacket, txTime(sec), rxTime(sec), rtt(usec)\n0, 2.4, 2.5, 24.306\n1, 2.5, 2.6, 13.580\n---\n"
)


def test_every_round_trip_of_sockperfs_log_counts() -> None:
    assert network.read(LOG).tolist() == [24_306, 13_580]


@pytest.mark.parametrize("log", ["", "packet, txTime(sec), rxTime(sec), rtt(usec)\n---\n", "0, 1, 2, 3\n"])
def test_a_log_without_round_trips_is_refused(log: str) -> None:
    with pytest.raises(network.NetworkError, match="no round trips"):
        network.read(log)


def test_one_host_has_no_network_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(network.PEER_VARIABLE, raising=False)
    (row,) = network.measure(QUICK)
    assert (row.key, row.verdict) == ("network", "skipped")
    assert "no second host" in row.why


@pytest.mark.parametrize("peer", ["192.0.2.2", ":11111", "192.0.2.2:http"])
def test_a_peer_without_address_or_port_is_refused(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(network.PEER_VARIABLE, peer)
    with pytest.raises(network.NetworkError, match="expected ADDRESS:PORT"):
        network.measure(QUICK)


def test_a_peer_needs_sockperf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(network.PEER_VARIABLE, "127.0.0.1:1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(network.NetworkError, match="Debian's sockperf"):
        network.measure(QUICK)
