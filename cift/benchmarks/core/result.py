"""The whole result, as it is written to JSON and read again for the page."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version

import msgspec

from cift.benchmarks import environment
from cift.benchmarks.core.rows import Row


class Part(msgspec.Struct, frozen=True):
    """One section's rows."""

    title: str
    about: str
    rows: list[Row]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the benchmark. `when` is UTC; `load` the machine's load average over a minute, at start and end."""

    when: str
    hardware: dict[str, object]
    versions: dict[str, str]
    load: tuple[float, float]
    settings: dict[str, object]
    parts: list[Part]

    @property
    def rows(self) -> list[Row]:
        """Return the rows of all sections."""
        return [row for part in self.parts for row in part.rows]

    @property
    def missed(self) -> list[Row]:
        """Return the rows that miss a target."""
        return [row for row in self.rows if row.verdict == "missed"]


def now() -> str:
    """Return the time in UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def versions() -> dict[str, str]:
    """Return what was measured and with what: compilers, libraries, operating system."""
    found = environment.versions() | {"numpy": version("numpy"), "system": platform.platform()}
    try:
        found["rustc"] = subprocess.run(
            ["rustc", "--version"], capture_output=True, text=True, check=True
        ).stdout.split()[1]
    except (OSError, subprocess.CalledProcessError, IndexError):
        found["rustc"] = "not found"
    return found
