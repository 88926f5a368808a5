"""What every section is given, and what it gives back beside its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How much is measured: everything `rounds` times in turns. `folder` is room for builds and environments, `say`
    shows progress, `versions` gathers what took part.

    `ticks` are the rows of a day, `operations` the orders of a flow, `requests` those to a cache, `messages` those of a
    queue and `rate` how many of them a second when latency is looked at, for `seconds`.
    """

    folder: Path
    say: Callable[[str], None]
    quick: bool
    rounds: int
    ticks: int
    operations: int
    requests: int
    messages: int
    rate: int
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)


def full(folder: Path, say: Callable[[str], None]) -> Setting:
    """Return the sizes of the page in docs/."""
    return Setting(
        folder=folder, say=say, quick=False, rounds=5, ticks=10_000_000, operations=200_000, requests=1_000_000,
        messages=50_000, rate=500, seconds=10.0,
    )  # fmt: skip


def quick(folder: Path, say: Callable[[str], None]) -> Setting:
    """Return sizes that show that everything works, and measure nothing."""
    return Setting(
        folder=folder, say=say, quick=True, rounds=1, ticks=20_000, operations=5_000, requests=5_000, messages=500,
        rate=200, seconds=1.0,
    )  # fmt: skip
