"""`cift artifacts list|fetch|verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cift.ops.artifacts import mirror
from cift.ops.artifacts.table import Item, checksum, read_items, source
from cift.ops.rooms import room
from cift.ops.runner.project import ProjectError, find_root

app = typer.Typer(
    help="Everything that is downloaded, checked by its sha256. For sites without internet: fetch into a folder, bring "
    "it there, and set cift_artifact_mirror to its file:// or http(s):// address.",
    no_args_is_help=True,
)

NamesArgument = Annotated[list[str] | None, typer.Argument(help="Artifacts; none named: all.", metavar="[NAME]...")]
ArchitectureOption = Annotated[
    list[str] | None, typer.Option("--architecture", "-a", help="x86_64 or aarch64; default: both.")
]
FolderOption = Annotated[Path | None, typer.Option("--folder", "-f", help="Default: .state/mirror in the checkout.")]

#: What has locks of its own.
ELSEWHERE = "Distribution packages are signed; Python wheels and crates are in requirements/*.lock and Cargo.lock."


def _refuse(command: str, problem: object) -> NoReturn:
    Console(stderr=True).print(f"cift artifacts {command}: {problem}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def _items(command: str, names: list[str] | None, architectures: list[str] | None) -> tuple[Path, list[Item]]:
    try:
        root = find_root()
        return root, mirror.chosen(read_items(root), names or [], architectures or [])
    except (ProjectError, ValueError, room("artifact", "artifact_table").ArtifactError) as error:
        _refuse(command, error)


@app.command("list")
def list_(
    names: NamesArgument = None,
    architecture: ArchitectureOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with whole checksums.")] = False,
) -> None:
    """Print every download: name, version, architecture, licence, source and sha256."""
    _, items = _items("list", names, architecture)
    rows: list[dict[str, Any]] = [
        {key: item[key] for key in ("name", "version", "architecture", "licence")}
        | {"source": source(item), "file": room("artifact", "artifact_table").file_name(item), "sha256": checksum(item)}
        for item in items
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    console = Console()
    table = Table("Name", "Version", "For", "Licence", "Source", "sha256", box=None, pad_edge=False)
    for row in rows:
        digits = row["sha256"] if row["sha256"].startswith("by ") else row["sha256"][:16] + "…"
        table.add_row(row["name"], row["version"], row["architecture"], row["licence"], row["source"], digits)
    console.print(table)
    console.print(ELSEWHERE, style="dim")


@app.command()
def fetch(names: NamesArgument = None, architecture: ArchitectureOption = None, folder: FolderOption = None) -> None:
    """Download artifacts into a folder, each checked, with a SHA256SUMS beside them; what is there stays.

    Exit status 1 if one could not be had; the others are there all the same.
    """
    root, items = _items("fetch", names, architecture)
    into = folder or root / ".state/mirror"
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _refuse("fetch", f"--folder {into}: {error.strerror}; expected a folder that can be written")
    console, failed = Console(), 0
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        for item in items:
            label = f"{item['name']} {item['version']} {item['architecture']}"
            task = bar.add_task(label, total=None)

            def show(done: int, total: int, task: Any = task) -> None:
                bar.update(task, completed=done, total=total or None)

            try:
                path, fresh = mirror.fetch(item, into, show)
                console.print(f"{label}: {path.name} {'fetched' if fresh else 'already there'}", highlight=False)
            except (room("artifact", "artifact_table").ArtifactError, OSError) as error:
                failed += 1
                console.print(f"{label}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
            bar.remove_task(task)
    console.print(f"mirror: cift_artifact_mirror: {into.resolve().as_uri()}", highlight=False, soft_wrap=True)
    raise typer.Exit(1 if failed else 0)


@app.command()
def verify(names: NamesArgument = None, architecture: ArchitectureOption = None, folder: FolderOption = None) -> None:
    """Check that a folder has every artifact with the right checksum. Exit status 1 if one is missing or differs."""
    root, items = _items("verify", names, architecture)
    console, failed = Console(soft_wrap=True), 0
    for item in items:
        wrong = mirror.problem(item, folder or root / ".state/mirror")
        failed += wrong is not None
        label = f"{item['name']} {item['version']} {item['architecture']}"
        console.print(f"{label}: {wrong or 'right'}", style="red" if wrong else "", markup=False, highlight=False)
    raise typer.Exit(1 if failed else 0)
