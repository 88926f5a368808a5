"""`cift benchmark`: measure the trading hosts, and compare what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cift.benchmarks.baselines import BaselineError, read_result
from cift.benchmarks.compare import compare as changes_between
from cift.benchmarks.console import changed
from cift.benchmarks.measure import Result
from cift.ops.up.cli import InventoryOption, open_session

app = typer.Typer(help="Measure the trading hosts; compare two runs.")


@app.callback(invoke_without_command=True)
def benchmark(
    context: typer.Context,
    inventory: InventoryOption = "sandbox",
    quick: Annotated[bool, typer.Option("--quick", help="Seconds instead of minutes: smaller repetitions.")] = False,
) -> None:
    """Measure every trading host, hold the figures against targets and the golden run, report."""
    if context.invoked_subcommand is not None:
        return
    session = open_session(inventory, "cift benchmark")
    session.step("benchmark", "Benchmark", lambda: session.benchmark(quick=quick))
    raise typer.Exit(session.finish())


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="benchmark-<host>.json, or a run's folder with one.")],
    after: Annotated[Path, typer.Argument(help="Another of the same host.")],
    tolerance: Annotated[float, typer.Option(min=0, help="What may differ: 0.1 is a tenth.")] = 0.1,
) -> None:
    """Tell what changed between two results beyond noise; status 1 if anything got worse.

    Each metric's repetitions are held against each other by a rank test (Mann and Whitney), p below 0.01.
    """
    console, errors = Console(), Console(stderr=True)
    try:
        old, new = _read(before), _read(after)
    except BaselineError as error:
        errors.print(f"cift benchmark compare: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    for name, result in (("before", old), ("after", new)):
        console.print(f"{name}: {result.host} at {result.when or '?'}, {result.kind}", markup=False, highlight=False)
    if old.kind != new.kind:
        console.print("different machines or profiles: the figures may differ for that alone", style="yellow")
    found = changes_between(old, new, tolerance)
    for change in found:
        style = {"better": "green", "worse": "red"}.get(change.says)
        console.print(changed(change), style=style, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if any(change.says == "worse" for change in found) else 0)


def _read(path: Path) -> Result:
    """Return the result in a file, or in a folder with one such file.

    Raises:
        BaselineError: there is none, or there are several.
    """
    if not path.is_dir():
        return read_result(path)
    files = sorted(path.glob("benchmark-*.json"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise BaselineError(f"{path}: found {names}; name one benchmark-<host>.json")
    return read_result(files[0])
