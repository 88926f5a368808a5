"""`cift benchmark`: measure the trading hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from cift.ops.up.cli import InventoryOption, open_session


def benchmark(
    inventory: InventoryOption = "sandbox",
    quick: Annotated[bool, typer.Option("--quick", help="Seconds instead of minutes: fewer repetitions.")] = False,
) -> None:
    """Measure every trading host, hold the figures against the inventory's targets, report."""
    session = open_session(inventory, "cift benchmark")
    session.step("benchmark", "Benchmark", lambda: session.benchmark(quick=quick))
    raise typer.Exit(session.finish())
