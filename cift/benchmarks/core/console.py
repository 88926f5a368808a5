"""The result as tables in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cift.benchmarks import pages
from cift.benchmarks.core import words
from cift.benchmarks.core.result import Part, Result

_COLOURS = {"met": "green", "missed": "red", "no target": "default", "not measured": "yellow"}


def show(result: Result, console: Console) -> None:
    """Print every section, then the targets."""
    console.print(f"{pages.machine(result.hardware)}, Linux {result.hardware['kernel']}")
    for part in result.parts:
        console.print(_table(part))
    asked = [(row, target) for row in result.rows for target in row.targets]
    for row, target in asked:
        met = row.met(target)
        colour, mark = ("green", "✓") if met else ("red", "✗")
        console.print(
            f"[{colour}]{mark}[/] {row.section}, {row.name}: "
            f"{words.measured(row, target)} ({words.target(row, target)})",
            soft_wrap=True,
        )
    reached = sum(row.met(target) for row, target in asked)
    console.print(f"{reached} of {len(asked)} targets met; load average {result.load[0]:.1f} to {result.load[1]:.1f}")


def _table(part: Part) -> Table:
    percentiles = any(row.p50 is not None for row in part.rows)
    table = Table(title=part.title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in ("median run", "best run", *(("p50", "p99", "p99.9") if percentiles else ())):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    why = any(row.why for row in part.rows)
    if why:
        table.add_column("why not")
    for row in part.rows:
        figures = [row.value, row.best, *((row.p50, row.p99, row.p999) if percentiles else ())]
        table.add_row(
            f"[{_COLOURS[row.verdict]}]{row.name}[/]",
            *map(words.figure, figures),
            words.unit(row),
            *([row.why] if why else []),
        )
    return table
