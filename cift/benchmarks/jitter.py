"""Host jitter: how late a thread wakes up (cyclictest), and what takes a CPU from one that never sleeps (oslat).

Both are of rt-tests and measure one of the CPUs that the suite itself may use: those that every program shares. What
the isolated ones are worth is `verify`'s business (role `proof`), which looks first that no service runs there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from cift.benchmarks.measure import Row, counted, histogram_row, skipped_row
from cift.benchmarks.profile import Profile

SECTION = "Host Jitter (rt-tests)"
KEYS = ("jitter_wakeup", "jitter_busy")
_NAMES = {"jitter_wakeup": "thread woken late, cyclictest", "jitter_busy": "busy thread held up, oslat"}
_INTERVAL_US, _PRIORITY, _BUCKETS_US = 200, 80, 10_000
_GRACE_S = 20.0


class JitterError(RuntimeError):
    """A program that is missing or could not measure here, and why, in one line."""


class _Thread(msgspec.Struct):
    """What both programs write of a thread: microseconds, and how often; `cycles` also counts what no bucket has."""

    max: float
    histogram: dict[int, int] = {}
    cycles: int = 0


class _Written(msgspec.Struct):
    thread: dict[str, _Thread]


def measure(profile: Profile) -> list[Row]:
    """Return a row of each program, in us; skipped where it is missing, or may not do its work."""
    commands = {"jitter_wakeup": _cyclictest, "jitter_busy": _oslat}
    return [_row(key, commands[key], profile) for key in KEYS]


def _row(key: str, command: Callable[[int, int], list[str]], profile: Profile) -> Row:
    cpu = max(os.sched_getaffinity(0))
    try:
        found = [_run(command(cpu, profile.jitter_seconds), profile.jitter_seconds) for _ in range(profile.jitter_runs)]
    except JitterError as error:
        return skipped_row(key, SECTION, _NAMES[key], "us", str(error))
    # A bucket's number is a latency rounded down to whole microseconds.
    histograms = [counted({us * 1_000: count for us, count in one.items()}) for one in found]
    return histogram_row(key, SECTION, f"{_NAMES[key]}, CPU {cpu}", "us", histograms)


def _cyclictest(cpu: int, seconds: int) -> list[str]:
    # Without --default-system it would hold the CPUs out of their idle states itself, and tell nothing of the host.
    return [
        "cyclictest", "--quiet", "--mlockall", "--default-system", "--threads=1", f"--affinity={cpu}",
        f"--priority={_PRIORITY}", f"--interval={_INTERVAL_US}", f"--histogram={_BUCKETS_US}", f"--duration={seconds}",
    ]  # fmt: skip


def _oslat(cpu: int, seconds: int) -> list[str]:
    # At an ordinary priority: above all others it would take the CPU from every program that shares it.
    return ["oslat", "--quiet", f"--cpu-list={cpu}", "--bucket-size=1024", "--zero-omit", f"--duration={seconds}"]


def _run(command: list[str], seconds: float) -> dict[int, int]:
    """Run a program of rt-tests and return how often each latency, in microseconds, was seen.

    Raises:
        JitterError: it is not installed, failed, or took far longer.
    """
    name = command[0]
    if shutil.which(name) is None:
        raise JitterError(f"{name} is not installed: it is in Debian's rt-tests, which the role proof installs")
    with tempfile.TemporaryDirectory(prefix="cift-jitter-") as folder:
        output = Path(folder, "result.json")
        try:
            ended = subprocess.run(
                [*command, f"--json={output}"], capture_output=True, text=True, timeout=seconds + _GRACE_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise JitterError(f"{name} didn't end {_GRACE_S:.0f} s after its {seconds:.0f} s") from error
        if ended.returncode:
            lines = (line.removeprefix("ERROR:").strip() for line in ended.stderr.splitlines())
            said = next((line for line in lines if line), f"status {ended.returncode}")
            raise JitterError(
                f"{name} could not measure here, with the priority and the locked memory it asks for: {said}"
            )
        try:
            return read(output.read_bytes())
        except (OSError, msgspec.DecodeError, ValueError) as error:
            raise JitterError(f"{name} left no result that can be read: {error}") from error


def read(written: bytes) -> dict[int, int]:
    """Return how often each latency, in microseconds, was seen, out of what --json wrote.

    What is beyond the last bucket counts as the worst: cyclictest tells it in `cycles` alone. oslat has it in the last
    bucket, of which one is the worst.

    Raises:
        ValueError: there is no sample.
        msgspec.DecodeError: it is something else.
    """
    found: dict[int, int] = {}
    for thread in msgspec.json.decode(written, type=_Written, strict=False).thread.values():
        for us, count in thread.histogram.items():
            found[us] = found.get(us, 0) + count
        beyond = thread.cycles - sum(thread.histogram.values())
        last, worst = max(thread.histogram, default=0), int(thread.max)
        if beyond <= 0 and worst > last > 0:
            found[last] -= 1
            beyond = 1
        if beyond > 0:
            found[worst] = found.get(worst, 0) + beyond
    if not found:
        raise ValueError("expected samples, found none")
    return found
