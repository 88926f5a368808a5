"""`cift report`: the report of an earlier run, read and drawn again; its signature; its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console

from cift.ops.report import signature
from cift.ops.report.model import Report, ReportError
from cift.ops.report.reading import read_report
from cift.ops.report.terminal import print_report
from cift.ops.report.writing import write_report
from cift.ops.runner.project import ProjectError, find_inventory, find_root

app = typer.Typer(help="Earlier runs: their reports, printed, drawn again, and proven to be unchanged.")


@app.callback(invoke_without_command=True)
def report(
    context: typer.Context,
    inventory: Annotated[
        str, typer.Option("--inventory", "-i", help="A folder in inventories/, or a path.")
    ] = "sandbox",
    run: Annotated[str, typer.Option(help="The run: a folder in reports/<inventory>/.")] = "latest",
) -> None:
    """Print an earlier run's report and draw its page from the files it left; touches no host."""
    if context.invoked_subcommand is not None:
        return
    try:
        root = find_root()
        name = find_inventory(root, inventory).name
        folder = (root / "reports" / name / run).resolve()
        found = read_report(folder, name)
        page = write_report(root, folder, found)
    except (ProjectError, ReportError, signature.SignatureError) as error:
        _refuse(str(error))
    print_report(Console(), found, page)
    raise typer.Exit(0 if found.verdict == "passed" else 1)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="report.html or report.json, with its .sig beside it.")],
    key: Annotated[
        Path | None, typer.Option(help="The signer's public key; this checkout's own if none is given.")
    ] = None,
) -> None:
    """Tell whether a report is what was signed; status 1 if not.

    Give auditors .state/report-key.pub by another way than the report: a key that comes with it proves nothing.
    """
    try:
        key = key or signature.public_key(find_root())
        signature.verify(file, key)
    except ProjectError as error:
        _refuse(str(error))
    except signature.SignatureError as error:
        Console(stderr=True).print(f"✗ {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    Console().print(f"[green]✓[/] {file}: unchanged since it was signed with {key}", highlight=False, soft_wrap=True)


@app.command()
def schema() -> None:
    """Print the JSON Schema of report.json: docs/report.schema.json is its copy."""
    typer.echo(schema_text(), nl=False)


def schema_text() -> str:
    """Return the JSON Schema of report.json."""
    schema = msgspec.json.schema(Report, schema_hook=_anything)
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _anything(kind: type) -> dict[str, object]:
    """Return the schema of a value that may be whatever a setting can be."""
    return {"description": f"any value ({kind.__name__})"}


def _refuse(message: str) -> NoReturn:
    Console(stderr=True).print(f"cift report: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
