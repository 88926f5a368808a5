"""The report's pictures as inline SVG: figures against targets, latency curves, the deployment's timeline.

Colours come from the page's style sheet through classes, so that one picture serves light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from markupsafe import Markup, escape

from cift.benchmarks.console import figure, limit
from cift.benchmarks.measure import Row
from cift.ops.runner.record import Span

WIDTH = 960
_LABEL = 250
_NAMES = {
    "messages": "NATS receive",
    "request_reply": "NATS reply",
    "journal": "JetStream ack",
    "journal_r3": "ack of three",
    "end_to_end": "order to fill",
    "jitter_wakeup": "thread woken",
    "jitter_busy": "busy thread",
    "market_vwap": "VWAP",
    "market_ofi": "imbalance",
    "market_microprice": "weighted mid",
}


def targets(rows: Sequence[Row]) -> Markup:
    """Draw each row's figure as a share of its target; the line is the target, 100 %."""
    height, top = 34, 22
    line_x = _LABEL + (WIDTH - _LABEL - 130) * 0.8
    parts = [text(line_x, 14, "target", "axis", anchor="middle")]
    bottom = top + height * len(rows)
    for index, row in enumerate(rows):
        y = top + index * height
        target = row.target or {}
        measured = getattr(row, target["metric"])
        share = measured / target["value"]
        width = min(share, 1.25) * (line_x - _LABEL)
        kind = "good" if row.met else "bad"
        metric = "" if target["metric"] == "value" else f" {target['metric']}"
        said = f"{figure(measured, row.unit)} ({target['op']} {limit(target['value'], row.unit)})"
        parts.append(text(_LABEL - 12, y + 20, f"{row.section.split(' (')[0]}{metric}", "label", anchor="end"))
        parts.append(
            f'<rect class="track" x="{_LABEL}" y="{y + 8}" width="{WIDTH - _LABEL - 130}" height="16" rx="3"/>'
        )
        parts.append(f'<rect class="{kind}" x="{_LABEL}" y="{y + 8}" width="{max(width, 2):.1f}" height="16" rx="3">')
        parts.append(f"<title>{escape(row.name)}: {escape(said)}</title></rect>")
        parts.append(text(WIDTH - 118, y + 21, figure(measured, row.unit), "value"))
    parts.append(f'<line class="goal" x1="{line_x:.1f}" y1="{top}" x2="{line_x:.1f}" y2="{bottom}"/>')
    return svg(bottom + 6, "Figures against their targets", parts)


def curves(rows: Sequence[Row]) -> Markup:
    """Draw latency by percentile: nines along the bottom, time upwards, both logarithmic."""
    left, right, top, bottom = 70, WIDTH - 190, 16, 330
    lines = [_points(row) for row in rows]
    values = [value for line in lines for _, value in line]
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    last = max(nines for line in lines for nines, _ in line)

    def x(nines: float) -> float:
        return left + nines / last * (right - left)

    def y(value: float) -> float:
        return bottom - (math.log10(value) - low) / (high - low) * (bottom - top)

    parts = []
    for exponent in range(low, high + 1):
        parts.append(
            f'<line class="grid" x1="{left}" x2="{right}" y1="{y(10**exponent):.1f}" y2="{y(10**exponent):.1f}"/>'
        )
        parts.append(text(left - 8, y(10**exponent) + 4, _decade(exponent), "axis", anchor="end"))
    for percentile in (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999):
        at = _nines(percentile)
        if at > last:
            break
        parts.append(f'<line class="grid" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{top}" y2="{bottom}"/>')
        parts.append(text(x(at), bottom + 18, f"{percentile:g} %", "axis", anchor="middle"))
    ends = _spread([y(line[-1][1]) for line in lines], 17)
    for index, (row, line) in enumerate(zip(rows, lines, strict=True)):
        path = " ".join(f"{x(nines):.1f},{y(value):.1f}" for nines, value in line)
        colour = f"line c{index % 6}" + (" again" if index >= 6 else "")  # a colour's second line is dashed
        parts.append(f'<polyline class="{colour}" points="{path}"><title>{escape(row.section)}</title></polyline>')
        parts.append(text(x(line[-1][0]) + 10, ends[index] + 4, _short(row), f"name c{index % 6}"))
    return svg(bottom + 28, "Latency by percentile", parts)


def timeline(spans: Sequence[Span]) -> Markup:
    """Draw when each role ran, one line per role in the order of their first start."""
    height, top = 24, 26
    start = min(span.start for span in spans)
    total = max(max(span.end or span.start for span in spans) - start, 1.0)
    roles = list(dict.fromkeys(span.role for span in spans))
    left, right = 170, WIDTH - 90
    bottom = top + height * len(roles)
    parts = []
    for second in _ticks(total):
        x = left + second / total * (right - left)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 6}" y2="{bottom}"/>')
        parts.append(text(x, 14, _clock(second), "axis", anchor="middle"))
    for index, role in enumerate(roles):
        y = top + index * height
        mine = [span for span in spans if span.role == role]
        parts.append(text(left - 10, y + 15, role, "label", anchor="end"))
        for span in mine:
            x = left + (span.start - start) / total * (right - left)
            width = max(span.seconds / total * (right - left), 1.5)
            kind = "bad" if span.failed else "changed" if span.changed else "good"
            parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{height - 9}" rx="2">'
            )
            parts.append(
                f"<title>{escape(role)}: {span.seconds:.1f} s, {span.tasks} tasks, {span.changed} changed</title>"
                "</rect>"
            )
        parts.append(text(WIDTH - 4, y + 15, f"{sum(span.seconds for span in mine):.1f} s", "value", anchor="end"))
    return svg(bottom + 6, "When each role ran", parts)


def svg(height: float, title: str, parts: Iterable[str]) -> Markup:
    """Return a picture of that height; every part is SVG whose texts are escaped."""
    head = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - every text inside went through escape


def text(x: float, y: float, said: str, kind: str, anchor: str = "start") -> str:
    """Return a text of a picture; its kind is a class of the style sheet."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def _points(row: Row) -> list[tuple[float, float]]:
    """Return a row's curve as (nines, microseconds); its maximum stands where its number of samples ends."""
    scale = 1_000.0 if row.unit == "ms" else 1.0
    end = math.log10(max(row.n, 2))
    return [(min(_nines(percentile), end), max(value * scale, 0.001)) for percentile, value in row.curve]


def _nines(percentile: float) -> float:
    """Return where a percentile lies on an axis of nines: 0 at 0 %, 1 at 90 %, 2 at 99 %, infinity at 100 %."""
    return -math.log10(1 - percentile / 100) if percentile < 100 else math.inf


def _decade(exponent: int) -> str:
    value = 10.0**exponent
    return f"{value:g} μs" if value < 1_000 else f"{value / 1_000:g} ms" if value < 1_000_000 else f"{value / 1e6:g} s"


def _short(row: Row) -> str:
    return _NAMES.get(row.key, row.key)


def _spread(positions: list[float], gap: float) -> list[float]:
    """Return the positions moved apart, so that labels at least `gap` high don't cover each other."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    result = positions[:]
    for before, after in pairwise(order):
        result[after] = max(result[after], result[before] + gap)
    return result


def _ticks(total: float) -> list[float]:
    step = next((step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if total / step <= 8), 1_800)
    return [step * index for index in range(int(total // step) + 1)]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
