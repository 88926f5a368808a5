"""A site of several hosts side by side: a column for every figure that has a target, and a page for each host."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cift.benchmarks.console import figure
from cift.benchmarks.measure import Row
from cift.ops.report.model import Report


@dataclass(frozen=True)
class Column:
    """A figure: the benchmark's row and its metric."""

    key: str
    metric: str
    title: str

    def row_of(self, host: Report) -> Row | None:
        """Return a host's row; None where it has none with this target."""
        rows = (row for found in host.benchmark for row in found.rows)
        return next((row for row in rows if row.key == self.key and row.target), None)

    def figure_of(self, row: Row) -> str:
        """Return the row's figure as people read it."""
        return "skipped" if row.verdict == "skipped" else figure(getattr(row, self.metric), row.unit)


def columns(report: Report) -> list[Column]:
    """Return the figures that any host has a target for, in the order of the benchmark."""
    found: dict[str, Column] = {}
    for row in (row for host in report.benchmark for row in host.rows if row.target):
        metric = row.target["metric"] if row.target else ""
        title = row.section.split(" (")[0] + ("" if metric == "value" else f", {metric}")
        found.setdefault(row.key, Column(row.key, metric, title))
    return list(found.values())


def page_of(host: str) -> str:
    """Return the name of a host's page, which is beside the site's."""
    return f"report-{re.sub(r'[^A-Za-z0-9._-]', '_', host)}.html"
