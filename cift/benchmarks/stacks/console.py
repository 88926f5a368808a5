"""The result as tables in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cift.benchmarks import pages
from cift.benchmarks.stacks import words
from cift.benchmarks.stacks.result import Part, Result

_COLOURS = {"holds": "green", "holds in part": "yellow", "does not hold": "red", "not measured": "dim"}


def show(result: Result, console: Console) -> None:
    """Print every section, then what became of the guide's claims."""
    console.print(f"{pages.machine(result.hardware)}, Linux {result.hardware['kernel']}")
    for part in result.parts:
        console.print(_table(part))
        for row in part.rows:
            if row.why:
                console.print(f"  not measured: {escape(f'{row.what}, {row.system}: {row.why}')}", soft_wrap=True)
    for verdict in result.verdicts:
        colour = _COLOURS[verdict.says]
        console.print(f"[{colour}]{verdict.says}[/]: {verdict.claim.what}, {verdict.claim.claimed}", soft_wrap=True)
        if verdict.cases:
            console.print(f"  measured: {escape(words.cases(verdict.cases))}", soft_wrap=True, highlight=False)


def _table(part: Part) -> Table:
    table = Table(title=part.title, title_justify="left", title_style="bold")
    for heading in ("", "system"):
        table.add_column(heading)
    for heading in ("median", "runs"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for row in part.rows:
        if row.runs:
            name = escape(row.system)
            system = f"[bold]{name}[/]" if row.stack == "new" else name
            table.add_row(escape(row.what), system, words.figure(row.value, row.unit), words.spread(row), row.tail)
    return table
