"""What a section measures: a row for each thing, with the target of the issue where there is one."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from cift.benchmarks.measure import histogram

Unit = Literal["ns", "million/s", "times", "per operation"]
Metric = Literal["value", "p50", "p99", "p999"]
Verdict = Literal["met", "missed", "no target", "not measured"]
_OPERATORS = {"<=": operator.le, ">=": operator.ge}


class Target(msgspec.Struct, frozen=True):
    """A figure that must be reached, and where it is asked for."""

    metric: Metric
    op: Literal["<=", ">="]
    value: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing measured: `value` is the median of whole runs, `best` the run that others disturbed least.

    Percentiles are medians of the runs' own; they have the clock's cost in them. `ours` tells the core from its peers,
    `at` places a row on a curve, of which there is one for each `series`. A row that could not be measured has no
    figures and says `why`.
    """

    section: str
    name: str
    unit: Unit
    ours: bool = False
    version: str = ""
    note: str = ""
    operations: int = 0
    value: float | None = None
    best: float | None = None
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    at: float | None = None
    series: str = ""
    targets: list[Target] = []
    why: str = ""

    def met(self, target: Target) -> bool:
        """Whether the row reaches a target; without the figure it doesn't."""
        found = getattr(self, target.metric)
        return found is not None and bool(_OPERATORS[target.op](found, target.value))

    @property
    def verdict(self) -> Verdict:
        """Whether the row reaches all of its targets."""
        if self.value is None:
            return "not measured"
        if not self.targets:
            return "no target"
        return "met" if all(self.met(target) for target in self.targets) else "missed"


class Percentiles(msgspec.Struct, frozen=True):
    """Latencies in nanoseconds."""

    p50: float
    p99: float
    p999: float
    max: float


def percentiles(runs: Sequence[npt.NDArray[np.int64]]) -> Percentiles:
    """Return the medians, over runs of nanosecond samples, of their HDR percentiles; `max` is the worst of all."""
    found = [histogram(samples) for samples in runs]
    p50, p99, p999 = (
        float(statistics.median(one.get_value_at_percentile(wanted) for one in found)) for wanted in (50, 99, 99.9)
    )
    return Percentiles(p50, p99, p999, float(max(one.get_max_value() for one in found)))
