"""Figures and targets as people write them."""

from __future__ import annotations

from cift.benchmarks.core.rows import Row, Target, Unit

_UNITS: dict[Unit, str] = {
    "ns": "ns",
    "million/s": "million/s",
    "times": "times",
    "per operation": "per op",
}
_METRICS = {"value": "", "p50": "p50 ", "p99": "p99 ", "p999": "p99.9 "}
_SIGNS = {"<=": "≤", ">=": "≥"}


def figure(value: float | None) -> str:
    """Return a figure with as many digits as it deserves; a dash for none."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    return (
        f"{value:,.0f}"
        if size >= 100
        else f"{value:.1f}"
        if size >= 10
        else f"{value:.2f}"
        if size >= 0.01
        else f"{value:.1g}"
    )


def target(row: Row, wanted: Target) -> str:
    """Return a target with its unit: p99 ≤ 1,000 ns."""
    return f"{_METRICS[wanted.metric]}{_SIGNS[wanted.op]} {wanted.value:,g} {_UNITS[row.unit]}"


def measured(row: Row, wanted: Target) -> str:
    """Return what was measured for a target."""
    return f"{figure(getattr(row, wanted.metric))} {_UNITS[row.unit]}"


def unit(row: Row) -> str:
    """Return the unit's name."""
    return _UNITS[row.unit]
