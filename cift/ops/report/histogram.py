"""A latency's histogram as a picture: how often each was seen, with the limit and the worst of all."""

from __future__ import annotations

import math
from collections import Counter

from markupsafe import Markup

from cift.ops.report.charts import WIDTH, svg, text
from cift.ops.report.model import Check

_PER_DECADE, _HEIGHT, _LEFT, _TOP, _BOTTOM = 12, 190, 60, 24, 150


def histogram(row: Check) -> Markup | None:
    """Draw a check's histogram, both axes logarithmic: one sample in a billion must be seen. None without one."""
    figures = row.figures
    if figures is None or not figures.histogram:
        return None
    bins: Counter[int] = Counter()
    for latency, count in figures.histogram:
        bins[_bin(latency)] += count
    if figures.over:
        bins[_bin(figures.max)] += figures.over
    limit = figures.limit
    ends = [*bins, _bin(figures.max), *([_bin(limit)] if limit else [])]
    decades = max(1, math.ceil((max(ends) + 1) / _PER_DECADE))
    tallest = max(math.ceil(math.log10(max(bins.values()) + 1)), 1)

    def x(position: float) -> float:
        return _LEFT + position / (decades * _PER_DECADE) * (WIDTH - _LEFT - 45)

    def y(count: float) -> float:
        return _BOTTOM - math.log10(count + 1) / tallest * (_BOTTOM - _TOP)

    parts = []
    for decade in range(decades + 1):
        parts.append(_line("grid", x(decade * _PER_DECADE), _TOP, _BOTTOM))
        parts.append(text(x(decade * _PER_DECADE), _BOTTOM + 16, f"{10**decade:,} μs", "axis", anchor="middle"))
    for exponent in range(0, tallest + 1, max(1, tallest // 4)):
        parts.append(text(_LEFT - 8, y(10**exponent - 1) + 4, f"10{_superscript(exponent)}", "axis", anchor="end"))
    for position, count in sorted(bins.items()):
        over = limit is not None and 10 ** (position / _PER_DECADE) > limit
        kind = "bad" if over else "changed" if limit is None else "good"
        width = max(x(position + 1) - x(position) - 1.5, 1)
        parts.append(
            f'<rect class="{kind}" x="{x(position):.1f}" y="{y(count):.1f}" width="{width:.1f}" '
            f'height="{_BOTTOM - y(count):.1f}"><title>{_range(position)}: {count:,}</title></rect>'
        )
    if limit is not None:
        at = x(math.log10(limit) * _PER_DECADE)
        parts += [_line("goal", at, _TOP - 4, _BOTTOM), text(at, 14, f"limit {limit:g} μs", "axis", anchor="middle")]
    worst = x(_bin(figures.max) + 0.5)
    parts.append(
        text(worst, _HEIGHT - 6, f"max {figures.max:g} μs", "value", anchor="end" if worst > WIDTH - 150 else "start")
    )
    return svg(_HEIGHT, f"{row.setting} on {row.host}: samples by latency", parts)


def _bin(latency: float) -> int:
    """Return a latency's place on the axis; what is below 1 us stands with it."""
    # A little more, so that 10 us, whose logarithm may come out below 1, begins its decade.
    return math.floor(math.log10(max(latency, 1)) * _PER_DECADE + 1e-9)


def _range(position: int) -> str:
    first, last = (10 ** ((position + step) / _PER_DECADE) for step in (0, 1))
    return f"{first:.3g} to {last:.3g} μs"


def _line(kind: str, x: float, top: float, bottom: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
