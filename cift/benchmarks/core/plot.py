"""The plots: books side by side as bars on a logarithmic scale, and the cost by the size of the book as a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from cift.benchmarks.core import words
from cift.benchmarks.core.rows import Row

_WIDTH, _LEFT, _RIGHT, _BAR, _TOP = 860, 190, 90, 26, 52
_LACKS = ("does not match", "tells no fills", "instead of a book")
_STYLE = """
.bg{fill:#fff}.t{font:600 15px system-ui,sans-serif;fill:#1d2a3a}.s{font:12px system-ui,sans-serif;fill:#43526a}
.v{font:600 12px system-ui,sans-serif;fill:#1d2a3a}.e{text-anchor:end}.m{text-anchor:middle}
.grid{stroke:#dfe5ec}.peer{fill:#9aa8ba}.book{fill:#c9d2dd}.ours{fill:#2b6cb0}
.line{fill:none;stroke-width:2.5}.again{stroke-dasharray:7 5}.ours-line{stroke:#2b6cb0}.peer-line{stroke:#9aa8ba}
@media(prefers-color-scheme:dark){.bg{fill:#0f1722}.t,.v{fill:#e8eef5}.s{fill:#a9b6c5}.grid{stroke:#2a3848}
.peer{fill:#64748b}.book{fill:#3b4a5d}.ours{fill:#63a4e8}.ours-line{stroke:#63a4e8}.peer-line{stroke:#64748b}}
"""


def bars(title: str, rows: Sequence[Row]) -> str:
    """Draw the value of each row, smallest first; rows without one are left out. A pale bar is a book without fills."""
    shown = sorted((row for row in rows if row.value), key=lambda row: row.value or 0)
    values = [row.value or 1.0 for row in shown]
    lowest, highest = _decade(min(values, default=1), down=True), _decade(max(values, default=10), down=False)
    height = _TOP + len(shown) * _BAR + 40
    width = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + width * (math.log10(value) - lowest) / max(1, highest - lowest)

    parts = []
    for power in range(lowest, highest + 1):
        at = x(10.0**power)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP - 6}" y2="{height - 34}"/>')
        parts.append(f'<text class="s m" x="{at:.1f}" y="{height - 18}">{10.0**power:,.0f} ns</text>')
    for number, (row, value) in enumerate(zip(shown, values, strict=True)):
        y = _TOP + number * _BAR
        kind = _kind(row)
        bar = max(2.0, x(value) - _LEFT)
        parts.append(f'<text class="s e" x="{_LEFT - 8}" y="{y + 14}">{escape(row.name)}</text>')
        hint = f"<title>{escape(row.name)}: {escape(row.note)}</title>"
        parts.append(f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{bar:.1f}" height="18" rx="3">{hint}</rect>')
        parts.append(f'<text class="v" x="{_LEFT + bar + 6:.1f}" y="{y + 14}">{words.figure(value)}</text>')
    legend = "pale: does not match, or tells no fills"
    parts.append(f'<text class="s e" x="{_WIDTH - 16}" y="28">{legend}</text>')
    described = "; ".join(f"{row.name} {words.figure(row.value)} ns" for row in shown)
    return _document(title, described, height, parts)


def curve(title: str, rows: Sequence[Row]) -> str:
    """Draw value over `at`, both on logarithmic axes: a line for each series, its name at its end."""
    series: dict[str, list[Row]] = {}
    for row in sorted((row for row in rows if row.value and row.at), key=lambda row: row.at or 0):
        series.setdefault(row.series, []).append(row)
    places = sorted({row.at or 1.0 for line in series.values() for row in line}) or [1.0, 10.0]
    values = [row.value or 1.0 for line in series.values() for row in line] or [1.0, 10.0]
    lowest, highest = _decade(min(values), down=True), _decade(max(values), down=False)
    height, bottom, left, right = 400, 350, 70, 190

    def x(at: float) -> float:
        span = math.log10(places[-1] / places[0]) or 1.0
        return left + 40 + (_WIDTH - left - right - 60) * math.log10(at / places[0]) / span

    def y(value: float) -> float:
        return bottom - (bottom - _TOP) * (math.log10(value) - lowest) / max(1, highest - lowest)

    parts = []
    for mark in (digit * 10**power for power in range(lowest, highest) for digit in (1, 2, 5)):
        parts.append(f'<line class="grid" x1="{left}" x2="{_WIDTH - right}" y1="{y(mark):.1f}" y2="{y(mark):.1f}"/>')
        parts.append(f'<text class="s e" x="{left - 8}" y="{y(mark) + 4:.1f}">{mark:,} ns</text>')
    for at in places:
        parts.append(f'<text class="s m" x="{x(at):.1f}" y="{bottom + 20}">{at:,.0f}</text>')
    lowest_there = {
        at: min((row.value or 0 for line in series.values() for row in line if row.at == at), default=0)
        for at in places
    }
    drawn: set[str] = set()
    for name, line in series.items():
        kind = _kind(line[0])
        points = [(x(row.at or 1.0), y(row.value or 1.0), row) for row in line]
        path = "L".join(f"{across:.1f} {up:.1f}" for across, up, _ in points)
        parts.append(f'<path class="line {kind}-line{" again" if kind in drawn else ""}" d="M{path}"/>')
        for across, up, row in points:
            # The lowest figure stands below its point, out of the way of the line above.
            down = 20 if row.value == lowest_there[row.at or 1.0] else -11
            parts.append(f'<circle class="{kind}" cx="{across:.1f}" cy="{up:.1f}" r="4.5"/>')
            parts.append(f'<text class="v m" x="{across:.1f}" y="{up + down:.1f}">{words.figure(row.value)}</text>')
        across, up, _ = points[-1]
        parts.append(f'<text class="s" x="{across + 28:.1f}" y="{up + 4:.1f}">{escape(name)}</text>')
        drawn.add(kind)
    parts.append(f'<text class="s m" x="{(_WIDTH + left - right) / 2}" y="{bottom + 40}">resting orders</text>')
    described = "; ".join(f"{row.name}: {words.figure(row.value)} ns" for line in series.values() for row in line)
    return _document(title, described, height, parts)


def _kind(row: Row) -> str:
    if row.ours:
        return "ours"
    return "book" if any(lack in row.note for lack in _LACKS) else "peer"


def _decade(value: float, *, down: bool) -> int:
    power = math.log10(value)
    return math.floor(power) if down else math.ceil(power)


def _document(title: str, described: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img"><title>{escape(title)}</title><desc>{escape(described)}</desc><style>{_STYLE}</style>'
        f'<rect class="bg" width="{_WIDTH}" height="{height}"/><text class="t" x="16" y="28">{escape(title)}</text>'
        f"{''.join(parts)}</svg>\n"
    )
