"""The report as one page without any outside resource."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from cift.benchmarks.console import figure, limit
from cift.ops.report import charts
from cift.ops.report.gains import gains_chart
from cift.ops.report.histogram import histogram
from cift.ops.report.hosts import columns, page_of
from cift.ops.report.model import Report, fold
from cift.ops.report.soak import soak_chart


def render(report: Report) -> str:
    """Return the page's HTML."""
    environment = Environment(
        loader=PackageLoader("cift.ops.report"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "limit": limit, "duration": duration, "moment": moment, "plain": plain}
    brief = len(report.hosts) > 1
    rows = [row for host in report.benchmark[:1] for row in host.rows]
    spans = [span for play in (report.deploy.playbooks if report.deploy else []) for span in play.record.spans]
    with_target = [row for row in rows if row.target and row.verdict != "skipped"]
    with_curve = [row for row in fold(rows)[0] if row.curve]
    return environment.get_template("report.html.j2").render(
        report=report,
        style=_resource("style.css"),
        script=_resource("filter.js"),
        target_chart=charts.targets(with_target) if with_target else None,
        curve_chart=charts.curves(with_curve) if with_curve else None,
        plans={host: Markup(picture) for host, picture in report.pictures.items()},  # noqa: S704 - drawn by cift plan
        histograms={(row.host, row.setting): histogram(row) for row in report.measured},
        fold=fold,
        shown_checks=[check for check in report.checks if not brief or check.verdict != "pass"],
        columns=columns(report) if brief else [],
        page_of=page_of,
        gains_charts={host.host: gains_chart(host) for host in report.tuning},
        soak_charts={host.host: soak_chart(host) for host in report.soak},
        timeline_chart=charts.timeline(spans) if spans else None,
    )


def duration(seconds: float) -> str:
    """Return a duration as people read it: 4.2 s, 3 min 12 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def moment(iso: str) -> str:
    """Return an ISO time in UTC as people read it."""
    return datetime.fromisoformat(iso).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def plain(value: object) -> str:
    """Return a check's value as text: nothing for None, words for booleans."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _resource(name: str) -> Markup:
    return Markup(files("cift.ops.report").joinpath("templates", name).read_text())  # noqa: S704 - our own file
