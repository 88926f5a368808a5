"""`cift verify`: read every setting back."""

from __future__ import annotations

import re
from typing import Annotated

import typer
from rich.console import Console

from cift.ops.up.cli import InventoryOption, open_session

# The same as the role proof's, which a playbook that is run without this command asks.
_DURATION = re.compile(r"\s*\d+(\.\d+)?\s*(s|m|min|h|d)(\s+\d+(\.\d+)?\s*(s|m|min|h|d))*\s*")


def verify(
    inventory: InventoryOption = "sandbox",
    duration: Annotated[
        str | None,
        typer.Option(help="How long each of hwlatdetect, cyclictest and oslat measures: 10s, 30m, 12h; 0s for none."),
    ] = None,
) -> None:
    """Read back on every host what the roles promise, watch how it behaves; report. Changes nothing.

    With --duration 12h it is the qualification run: stop the services first, so that isolated CPUs are free to measure.
    """
    if duration is not None and not _DURATION.fullmatch(duration):
        problem = f'--duration: found "{duration}", expected a number and s, m, h or d, such as 10s, 30m or "1h 30m"'
        Console(stderr=True).print(f"cift verify: {problem}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2)
    session = open_session(inventory, "cift verify" + (f" --duration {duration}" if duration else ""))
    variables = {} if duration is None else {"verify_duration": duration}
    session.step("verify", "Verify", lambda: session.playbook("playbooks/verify.yml", variables=variables))
    raise typer.Exit(session.finish())
