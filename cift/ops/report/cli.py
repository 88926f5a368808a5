"""`cift report`: the report of an earlier run, read and drawn again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from cift.ops.report.html import render
from cift.ops.report.model import ReportError, read_report, write_json
from cift.ops.report.terminal import print_report
from cift.ops.runner.project import ProjectError, find_inventory, find_root


def report(
    inventory: Annotated[
        str, typer.Option("--inventory", "-i", help="A folder in inventories/, or a path.")
    ] = "sandbox",
    run: Annotated[str, typer.Option(help="The run: a folder in reports/<inventory>/.")] = "latest",
) -> None:
    """Print an earlier run's report and draw its page from the files it left; touches no host."""
    try:
        root = find_root()
        name = find_inventory(root, inventory).name
        folder = (root / "reports" / name / run).resolve()
        found = read_report(folder, name)
    except (ProjectError, ReportError) as error:
        Console(stderr=True).print(f"cift report: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    write_json(folder / "report.json", found)
    page = folder / "report.html"
    page.write_text(render(found))
    print_report(Console(), found, page)
    raise typer.Exit(0 if found.verdict == "passed" else 1)
