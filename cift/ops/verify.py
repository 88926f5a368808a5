"""`cift verify`: read every setting back."""

from __future__ import annotations

import typer

from cift.ops.up.cli import InventoryOption, open_session


def verify(inventory: InventoryOption = "sandbox") -> None:
    """Read back on every host what the roles promise; report. Changes nothing."""
    session = open_session(inventory, "cift verify")
    session.step("verify", "Verify", lambda: session.playbook("playbooks/verify.yml"))
    raise typer.Exit(session.finish())
