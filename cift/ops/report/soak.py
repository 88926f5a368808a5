"""A soak's picture: every service's memory over the hours, and the latency below."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from cift.benchmarks.soak.verdict import Figure, Soak
from cift.ops.report.charts import WIDTH

_ROW, _LEFT, _RIGHT = 30, 270, 210


def soak_chart(soak: Soak) -> Markup:
    """Draw a line for each series, from zero to its greatest value, its level and slope beside it."""
    rows = [_series(figure) for figure in soak.figures]
    for name, values in (("order to fill, p50", soak.p50_ms), ("order to fill, p99", soak.p99_ms)):
        if values:
            points = [(float(index), value) for index, value in enumerate(values)]
            rows.append((name, points, f"{values[0]:.2f} → {values[-1]:.2f} ms", False))
    parts = [part for index, row in enumerate(rows) for part in _line(index * _ROW, *row)]
    head = (
        f'<svg viewBox="0 0 {WIDTH} {len(rows) * _ROW + 4}" role="img" aria-label="What the services held over time">'
    )
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - every text inside went through escape


def _series(figure: Figure) -> tuple[str, Sequence[tuple[float, float]], str, bool]:
    scale, unit = (2**20, " MiB") if figure.unit == "memory" else (1, "")
    line = figure.trend
    told = f"{line.level / scale:,.0f}{unit}, {line.slope / scale:+,.1f} an hour"
    return figure.name, figure.points, told, figure.leaks


def _line(top: int, name: str, points: Sequence[tuple[float, float]], told: str, bad: bool) -> list[str]:
    highest = max(value for _, value in points) or 1.0
    last = points[-1][0] or 1.0
    width, height = WIDTH - _LEFT - _RIGHT, _ROW - 8
    path = " ".join(
        f"{_LEFT + at / last * width:.1f},{top + 4 + height - value / highest * height:.1f}" for at, value in points
    )
    colour = "c1" if bad else "c0"
    return [
        f'<text class="label" x="{_LEFT - 12}" y="{top + 20}" text-anchor="end">{escape(name)}</text>',
        f'<polyline class="line {colour}" points="{path}"><title>{escape(name)}: {escape(told)}</title></polyline>',
        f'<text class="value" x="{WIDTH - _RIGHT + 12}" y="{top + 20}">{"✗ " if bad else ""}{escape(told)}</text>',
    ]
