"""How things are measured: samples into HDR histograms, several repetitions, medians of their percentiles."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

from cift.benchmarks.change import Change

Unit = Literal["us", "ms", "ops/s"]
Verdict = Literal["passed", "goal reached", "failed", "skipped"]
Samples = npt.NDArray[np.int64]

NANOSECONDS: dict[Unit, int] = {"us": 1_000, "ms": 1_000_000}
_HIGHEST_NS = 60_000_000_000
_CURVE = (0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 99.995, 99.999, 100)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure; latencies in `unit`, `value` is a rate and only set where `unit` is ops/s.

    `curve` holds (percentile, latency) points for a chart, `runs` each repetition's own p50 and p99 (or value), which
    tell a change from noise. A skipped row has no figures and says `why`.
    """

    key: str
    section: str
    name: str
    unit: Unit
    n: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    value: float | None = None
    curve: list[tuple[float, float]] = []
    runs: dict[str, list[float]] = {}
    target: dict[str, Any] | None = None
    verdict: Verdict = "passed"
    why: str = ""

    @property
    def met(self) -> bool:
        """Whether the row reaches its target, or more."""
        return self.verdict in ("passed", "goal reached")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The benchmark of one host, as it is written to its JSON file.

    `changes` are those since the golden result of the same kind, which was measured at `golden`.
    """

    host: str
    hardware: dict[str, object]
    versions: dict[str, str]
    rows: list[Row]
    when: str = ""
    profile: str = "full"
    golden: str = ""
    changes: list[Change] = []

    @property
    def failed(self) -> list[Row]:
        """Return the rows that missed their target."""
        return [row for row in self.rows if row.verdict == "failed"]

    @property
    def regressed(self) -> list[Change]:
        """Return what got worse beyond noise."""
        return [change for change in self.changes if change.says == "worse"]

    @property
    def kind(self) -> str:
        """Return what may be compared with it: the class of hardware and the profile, as a folder's name."""
        return f"{self.hardware.get('class', 'unknown')}/{self.profile}"


def latency_row(key: str, section: str, name: str, unit: Unit, repetitions: Iterable[Samples]) -> Row:
    """Return the row of a latency measured in several repetitions of nanosecond samples; see `histogram_row`."""
    return histogram_row(key, section, name, unit, [histogram(samples) for samples in repetitions])


def histogram_row(key: str, section: str, name: str, unit: Unit, histograms: Sequence[HdrHistogram]) -> Row:
    """Return the row of a latency measured in several repetitions, a histogram of nanoseconds each.

    Each percentile is the median of the repetitions' own percentiles, so that one disturbed repetition doesn't decide;
    `max` is the worst of all samples and the curve is drawn from all of them.
    """
    everything = HdrHistogram(1, _HIGHEST_NS, 3)
    for one in histograms:
        everything.add(one)
    scale = NANOSECONDS[unit]

    def each(wanted: float) -> list[float]:
        return [one.get_value_at_percentile(wanted) / scale for one in histograms]

    def percentile(wanted: float) -> float:
        return float(statistics.median(each(wanted)))

    return Row(
        key=key,
        section=section,
        name=name,
        unit=unit,
        n=everything.get_total_count(),
        mean=statistics.median(one.get_mean_value() for one in histograms) / scale,
        p50=percentile(50),
        p95=percentile(95),
        p99=percentile(99),
        p999=percentile(99.9),
        max=everything.get_max_value() / scale,
        curve=[(point, everything.get_value_at_percentile(point) / scale) for point in _curve(everything)],
        runs={"p50": each(50), "p99": each(99)},
    )


def rate_row(key: str, section: str, name: str, repetitions: Iterable[tuple[int, int]]) -> Row:
    """Return the row of a rate: the median over repetitions of (operations, nanoseconds)."""
    runs = list(repetitions)
    rates = [operations * 1e9 / elapsed for operations, elapsed in runs]
    return Row(
        key=key,
        section=section,
        name=name,
        unit="ops/s",
        n=sum(operations for operations, _ in runs),
        value=statistics.median(rates),
        runs={"value": rates},
    )


def skipped_row(key: str, section: str, name: str, unit: Unit, why: str) -> Row:
    """Return the row of a thing that could not be measured, with the reason."""
    return Row(key=key, section=section, name=name, unit=unit, verdict="skipped", why=why)


def histogram(samples: Samples) -> HdrHistogram:
    """Return an HDR histogram (1 ns to 60 s, three digits) of nanosecond samples."""
    values, counts = np.unique(samples, return_counts=True)
    return counted(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def counted(counts: Mapping[int, int]) -> HdrHistogram:
    """Return the same histogram of how often each latency, in nanoseconds, was seen."""
    result = HdrHistogram(1, _HIGHEST_NS, 3)
    for value, count in counts.items():
        result.record_value(min(max(value, 1), _HIGHEST_NS), count)
    return result


def _curve(everything: HdrHistogram) -> list[float]:
    """Return the percentiles that this many samples can tell: no p99.99 out of a thousand."""
    count = max(everything.get_total_count(), 1)
    return [point for point in _CURVE if point == 100 or (100 - point) / 100 * count >= 1]
