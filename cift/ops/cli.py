"""The `cift` command: each verb lives in a file of its own and is registered here."""

from __future__ import annotations

from importlib.util import find_spec

import typer

try:
    from cift.ops import reference, schema
    from cift.ops.replay import cli as replay
except ImportError as error:
    if "cift_core" not in str(error):
        raise
    # A checkout that moved on may have an older core in its environment, or none.
    typer.echo(f"cift: {error}; build this checkout's Rust core with 'make core'", err=True)
    raise SystemExit(2) from None

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
app.add_typer(schema.app, name="schema")
app.command()(replay.replay)

# The operator's verbs need the extra `ops`. A host has the application's dependencies alone, and the verbs above.
if find_spec("ansible_runner") is not None:
    from cift.ops import benchmark
    from cift.ops.artifacts import cli as artifacts
    from cift.ops.machine import cli as machine
    from cift.ops.plan import cli as plan
    from cift.ops.report import cli as report
    from cift.ops.sandbox import cli as sandbox
    from cift.ops.success.cli import success
    from cift.ops.tune import cli as tune
    from cift.ops.up import cli as up
    from cift.ops.verify import verify

    for verb in (up.up, up.down, verify, success):
        app.command()(verb)

    app.add_typer(benchmark.app, name="benchmark")
    app.add_typer(report.app, name="report")
    app.add_typer(artifacts.app, name="artifacts")
    app.add_typer(sandbox.app, name="sandbox")
    app.add_typer(machine.app, name="machine")
    app.add_typer(tune.app, name="tune")
    app.command()(plan.plan)
