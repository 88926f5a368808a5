"""`cift tune`: the settings of the tuning roles, printed, explained and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from cift.ops.report.model import ReportError
from cift.ops.runner.project import ProjectError, find_inventory, find_root
from cift.ops.tune.catalogue import Entry, UnknownSettingError, find, read_entries
from cift.ops.tune.document import document
from cift.ops.tune.explain import here, latest_checks, on_host
from cift.ops.tune.measure import measure

app = typer.Typer(help="The settings of a tuned host: printed, explained, measured.", no_args_is_help=True)
app.command()(measure)


def _refuse(command: str, problem: object) -> NoReturn:
    Console(stderr=True).print(f"cift tune {command}: {problem}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


@app.command()
def table(
    output: Annotated[Path | None, typer.Option(help="Write to this file, such as docs/settings.md.")] = None,
) -> None:
    """Print every setting of every role: value, places, reboot, why and source, as a page in Markdown."""
    try:
        text = document(read_entries(find_root()))
        if output is None:
            typer.echo(text, nl=False)
        else:
            output.write_text(text)
    except ProjectError as error:
        _refuse("table", error)
    except OSError as error:
        _refuse("table", f"{output}: {error.strerror}; expected a file that can be written")


@app.command()
def explain(
    setting: Annotated[str, typer.Argument(help="A setting's name, or a part of it that no other has.")],
    inventory: Annotated[str | None, typer.Option("--inventory", "-i", help="Ask a host of this one.")] = None,
    host: Annotated[str | None, typer.Option(help="The host; its last verify report is read.")] = None,
) -> None:
    """Say what a setting does, its value now and the wanted one, why, and who says so.

    The value is this machine's, or with --inventory and --host the one of that host's last verify report.
    """
    if (inventory is None) != (host is None):
        _refuse("explain", "--inventory and --host: found one of them; give both, or none for this machine")
    try:
        root = find_root()
        entry = find(read_entries(root), setting)
        if inventory is None or host is None:
            lines = here(entry)
        else:
            name = find_inventory(root, inventory).name
            checks = latest_checks(root, name, host)
            if checks is None:
                _refuse("explain", f"no verify report of {host} in reports/{name}; run cift verify --inventory {name}")
            lines = on_host(entry, checks)
    except (ProjectError, ReportError, UnknownSettingError) as error:
        _refuse("explain", error)
    Console().print(_draw(entry, lines))


def _draw(entry: Entry, lines: list[tuple[str, str]]) -> Table:
    row = entry.row
    grid = Table(box=None, show_header=False, title=f"{entry.name}  (role {entry.role})", title_justify="left")
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    boot = f"{entry.for_good}{', live after a reboot' if entry.reboot else ''}"
    unset = [("nothing where", str(row["unset"]))] if "unset" in row else []
    known = [("does", str(row["what"])), *lines, ("for good in", boot), *unset, ("why", str(row["why"]))]
    for name, text in [*known, ("source", str(row["source"]))]:
        grid.add_row(name, text.replace("[", r"\["))
    return grid
