"""Network between hosts: sockperf, from a message sent to its answer, over TCP as all our services speak."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from cift.benchmarks.measure import Row, Samples, latency_row, skipped_row
from cift.benchmarks.profile import Profile

SECTION = "Network (sockperf)"
#: Where another host answers, as ADDRESS:PORT: playbooks/benchmark.yml starts `sockperf server --tcp` there.
PEER_VARIABLE = "CIFT_BENCHMARK_PEER"
_NAME = "128 bytes over TCP to another host and back"
_SIZE = 128
_GRACE_S = 20.0
_COLUMN = "rtt(usec)"


class NetworkError(RuntimeError):
    """What stands in the way of a measurement, in one line."""


def measure(profile: Profile) -> list[Row]:
    """Return the row of round trips, one at a time; skipped without a second host, or without sockperf.

    Raises:
        NetworkError: the variable names no peer, sockperf failed, or wrote something else.
    """
    peer = os.environ.get(PEER_VARIABLE, "")
    if not peer:
        why = f"no second host: {PEER_VARIABLE} names none, as where an inventory has but one"
        return [skipped_row("network", SECTION, _NAME, "us", why)]
    address, _, port = peer.rpartition(":")
    if not (address and port.isdecimal()):
        raise NetworkError(f"{PEER_VARIABLE} is {peer!r}, expected ADDRESS:PORT, such as 192.0.2.2:11111")
    if shutil.which("sockperf") is None:
        raise NetworkError("sockperf is not installed: it is in Debian's sockperf, which the role benchmark installs")
    runs = [_run(address.strip("[]"), port, profile.network_seconds) for _ in range(profile.repetitions)]
    return [latency_row("network", SECTION, _NAME, "us", runs)]


def _run(address: str, port: str, seconds: int) -> Samples:
    """Return the nanoseconds of every round trip."""
    with tempfile.TemporaryDirectory(prefix="cift-network-") as folder:
        log = Path(folder, "log.csv")
        command = ["sockperf", "ping-pong", "--tcp", "-i", address, "-p", port, "-t", str(seconds), "-m", str(_SIZE)]
        command += ["--full-rtt", "--full-log", str(log)]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _GRACE_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise NetworkError(f"sockperf didn't end {_GRACE_S:.0f} s after its {seconds} s") from error
        # Its status is 0 also where nobody answered.
        wrong = [line for line in (ended.stderr + ended.stdout).splitlines() if "ERROR" in line]
        if wrong or ended.returncode or not log.exists():
            said = wrong[0].partition("ERROR:")[2].strip() if wrong else f"status {ended.returncode}"
            raise NetworkError(f"sockperf to {address}:{port}: {said}")
        return read(log.read_text())


def read(log: str) -> Samples:
    """Return the nanoseconds of every round trip in a full log of sockperf.

    Raises:
        NetworkError: there is none.
    """
    _, found, rows = log.partition(f"{_COLUMN}\n")
    microseconds = [float(row.rsplit(",", 1)[1]) for row in rows.splitlines() if row.count(",") == 3]
    if not found or not microseconds:
        raise NetworkError(f"sockperf's log has no round trips: expected rows under {_COLUMN}")
    return np.asarray(np.multiply(microseconds, 1_000), dtype=np.int64)
