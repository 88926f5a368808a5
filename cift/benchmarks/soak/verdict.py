"""What a soak says: a leak, a drift, a restart, an error; or nothing, which is what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

import msgspec
import numpy as np

from cift.benchmarks.compare import SIGNIFICANT, rank_test
from cift.benchmarks.measure import histogram
from cift.benchmarks.soak.sampler import Sample
from cift.benchmarks.soak.trend import Series, Trend, trend

#: The first fifth is left out: caches and pools fill.
WARM_UP = 0.2
#: Growth below that is none, whatever its interval: bytes, descriptors, threads, messages. Twenty minutes are to show
#: what costs a service's limit within a day or two.
FLOORS = {"memory": 4 * 2**20, "descriptors": 16, "threads": 4, "lag": 1_000}
_SHARE = 0.05
_SLOWER = 1.25
_WINDOWS = 30
_POINTS = 240


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A series with its trend, thinned out for a picture: (hours, value)."""

    name: str
    unit: str
    trend: Trend
    leaks: bool
    points: list[tuple[float, float]]


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """soak.json: `p50_ms` and `p99_ms` are latencies by window of time, `problems` what made it fail."""

    host: str
    when: str
    hours: float
    rate: float
    orders: int
    verdict: Literal["passed", "failed"]
    problems: list[str]
    figures: list[Figure]
    p50_ms: list[float]
    p99_ms: list[float]


def judge(
    host: str,
    when: str,
    rate: float,
    samples: Sequence[tuple[float, Sample]],
    latencies: Sequence[tuple[float, int]],
    errors: Sequence[str],
) -> Soak:
    """Judge samples and latencies, each with the second of the run that it is of."""
    hours = max((second for second, _ in samples), default=0.0) / 3_600
    figures = [_figure(name, samples) for name in _whole(samples)]
    problems = [_leak(figure) for figure in figures if figure.leaks]
    problems += sorted({f"{name} was restarted" for _, each in samples for name in each.restarted})
    if errors:
        problems.append(f"{len(errors)} orders went wrong, the first at {errors[0]}")
    windows = _latencies(latencies)
    problems += _drift(windows)
    return Soak(
        host=host,
        when=when,
        hours=hours,
        rate=rate,
        orders=2 * len(latencies),
        verdict="failed" if problems else "passed",
        problems=problems,
        figures=figures,
        p50_ms=windows["p50"],
        p99_ms=windows["p99"],
    )


def _whole(samples: Sequence[tuple[float, Sample]]) -> list[str]:
    """Return the names of series that were seen nearly always."""
    seen = [name for _, each in samples for name in each.figures]
    return sorted(name for name in set(seen) if seen.count(name) >= 0.9 * len(samples))


def _figure(name: str, samples: Sequence[tuple[float, Sample]]) -> Figure:
    found = [(second / 3_600, each.figures[name]) for second, each in samples if name in each.figures]
    warm = [each for each in found if each[0] >= WARM_UP * found[-1][0]]
    hours, values = (np.array(column, dtype=float) for column in zip(*warm, strict=True))
    unit = name.rsplit(" ", 1)[-1]
    line = trend(hours, values)
    return Figure(
        name=name,
        unit=unit,
        trend=line,
        leaks=_leaks(line, hours, FLOORS[unit]),
        points=found[:: max(1, len(found) // _POINTS)],
    )


def _leaks(line: Trend, hours: Series, floor: float) -> bool:
    """Whether even the interval's lower end adds up to more than noise within the run."""
    return line.low * float(hours[-1] - hours[0]) > max(floor, _SHARE * line.level)


def _leak(figure: Figure) -> str:
    scale, unit = (2**20, "MiB") if figure.unit == "memory" else (1, "")
    slope, low, high = (value / scale for value in (figure.trend.slope, figure.trend.low, figure.trend.high))
    return f"{figure.name} grows by {slope:,.1f} {unit} an hour ({low:,.1f} to {high:,.1f})".replace("  ", " ")


def _latencies(latencies: Sequence[tuple[float, int]]) -> dict[str, list[float]]:
    """Return the percentiles of each window of time, in ms, the warm-up left out."""
    if len(latencies) < 10 * _WINDOWS:
        return {"p50": [], "p99": []}
    warm = latencies[int(WARM_UP * len(latencies)) :]
    parts = [histogram(part) for part in np.array_split(np.array([each for _, each in warm]), _WINDOWS)]
    return {
        name: [part.get_value_at_percentile(percentile) / 1e6 for part in parts]
        for name, percentile in (("p50", 50), ("p99", 99))
    }


def _drift(windows: dict[str, list[float]]) -> list[str]:
    """Return the percentiles that are worse in the last third than in the first, by more than chance and a quarter."""
    problems = []
    for name, values in windows.items():
        third = len(values) // 3
        if not third:
            continue
        first, last = values[:third], values[-third:]
        if median(last) > _SLOWER * median(first) and rank_test(first, last) <= SIGNIFICANT:
            problems.append(f"order to fill, {name}: {median(first):.2f} ms at first, {median(last):.2f} ms at the end")
    return problems
