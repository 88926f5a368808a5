"""`cift success`."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cift.ops.report.model import ReportError
from cift.ops.runner.project import ProjectError, find_inventory, find_root
from cift.ops.success.criteria import Criterion, criteria

_MARKS = {"met": "[green]✓[/]", "not met": "[red]✗[/]", "unknown": "[yellow]?[/]"}


def success(
    inventory: Annotated[
        str, typer.Option("--inventory", "-i", help="A folder in inventories/, or a path.")
    ] = "sandbox",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print the guide's eight success criteria as the inventory's runs show them; status 1 unless all are met."""
    try:
        root = find_root()
        found = criteria(root, find_inventory(root, inventory).name)
    except (ProjectError, ReportError) as error:
        Console(stderr=True).print(f"cift success: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps([msgspec.to_builtins(each) for each in found], indent=2))
    else:
        _show(Console(), found)
    raise typer.Exit(0 if all(each.verdict == "met" for each in found) else 1)


def _show(console: Console, found: list[Criterion]) -> None:
    table = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for each in found:
        more = "\n".join(
            line for line in (each.evidence and f"evidence: {each.evidence}", each.todo and f"run: {each.todo}") if line
        )
        table.add_row(_MARKS[each.verdict], f"{each.number}. {each.title}", f"{each.found}\n[dim]{more}[/]")
    console.print(table)
    met = sum(each.verdict == "met" for each in found)
    console.print(f"{met} of {len(found)} criteria met", style="bold green" if met == len(found) else "bold")
