"""The whole result, as it is written to JSON and read again for the page."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cift.benchmarks.stacks.claims import Verdict, verdicts
from cift.benchmarks.stacks.rows import Case, Row


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One section: its rows and cases, what ran it (names and versions) and how long it took."""

    title: str
    about: str
    rows: list[Row]
    cases: list[Case] = []
    versions: dict[str, str] = {}
    seconds: float = 0.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `when` is UTC; `load` the machine's load average over a minute, at start and end."""

    when: str
    hardware: dict[str, object]
    versions: dict[str, str]
    load: tuple[float, float]
    quick: bool
    settings: dict[str, str]
    parts: list[Part]

    @property
    def verdicts(self) -> list[Verdict]:
        """Return every claim of the guide with its cases."""
        return list(verdicts([case for part in self.parts for case in part.cases]))


def now() -> str:
    """Return the time in UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
