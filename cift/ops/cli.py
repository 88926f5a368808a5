"""The `cift` command: each verb lives in a file of its own and is registered here."""

from __future__ import annotations

import typer

from cift.ops import reference
from cift.ops.plan import cli as plan
from cift.ops.replay import cli as replay
from cift.ops.sandbox import cli as sandbox

app = typer.Typer(
    name="cift",
    help="Provision, prove, measure and drive CIFT Markets hosts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def main() -> None:
    """Provision, prove, measure and drive CIFT Markets hosts."""


app.add_typer(reference.app, name="reference")
app.add_typer(sandbox.app, name="sandbox")
app.command()(plan.plan)
app.command()(replay.replay)
