"""Figures as people write them."""

from __future__ import annotations

from collections.abc import Sequence

from cift.benchmarks.stacks.rows import Case, Row, Unit

_TIMES: tuple[tuple[float, str], ...] = ((1e9, "s"), (1e6, "ms"), (1e3, "μs"), (1.0, "ns"))
_RATES = ((1e6, "M/s"), (1e3, "k/s"), (1.0, "/s"))
_NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6}


def figure(value: float | None, unit: Unit) -> str:
    """Return a figure with its unit and three digits: 8.24 μs, 1.35M/s; a dash for none."""
    if value is None:
        return "–"
    if unit == "per s":
        size, name = next(((size, name) for size, name in _RATES if value >= size), _RATES[-1])
        return f"{digits(value / size)}{name}"
    value *= _NANOSECONDS[unit]
    size, name = next(((size, name) for size, name in _TIMES if value >= size), _TIMES[-1])
    return f"{digits(value / size)} {name}"


def digits(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(factor: float) -> str:
    """Return a factor: 118x, 2.4x, 0.61x."""
    return f"{digits(factor)}x"


def spread(row: Row) -> str:
    """Return the lowest and the highest repetition."""
    if row.spread is None:
        return "–"
    low, high = (figure(value, row.unit) for value in row.spread)
    return low if low == high else f"{low} to {high}"


def cases(found: Sequence[Case]) -> str:
    """Return cases with their factors."""
    return "; ".join(f"{one.when} ({times(one.factor)})" for one in found)
