"""`cift sandbox`: hosts on this machine, and their end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cift.ops.sandbox import base, ssh
from cift.ops.sandbox.errors import SandboxError
from cift.ops.sandbox.lab import HostStatus, Lab, Say

app = typer.Typer(help="Systemd hosts on this Linux machine, to provision and to test.", no_args_is_help=True)
console = Console()
errors = Console(stderr=True)


@contextmanager
def sentences(command: str = "cift sandbox") -> Iterator[None]:
    """Turn a failure into its sentence, after the command's name, and its exit status."""
    try:
        yield
    except SandboxError as error:
        errors.print(f"{command}: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(error.exit_status) from error
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        errors.print(f"{command}: {error.strerror or error}{where}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


@contextmanager
def progress() -> Iterator[Say]:
    """One line per host that says what happens to it; on a terminal with a spinner and the time."""
    if not errors.is_terminal:
        yield lambda name, step: errors.print(f"{name}: {step}", markup=False, highlight=False, soft_wrap=True)
        return
    with Progress(
        SpinnerColumn(finished_text="✔"), TextColumn("{task.fields[host]}", style="bold"), TimeElapsedColumn(),
        TextColumn("{task.description}"), console=errors,
    ) as lines:  # fmt: skip
        tasks: dict[str, int] = {}

        def say(name: str, step: str) -> None:
            if name not in tasks:
                tasks[name] = lines.add_task(step, host=name, total=1)
            lines.update(lines.task_ids[tasks[name]], description=step, completed=step in ("running", "ready", "gone"))

        yield say


@app.command()
def up(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME[=RELEASE]]...", help="Host names, each with its release if need be; cift-1 if none."
        ),
    ] = None,
    release: Annotated[str, typer.Option(help="Debian release of the others: 12, 13, bookworm or trixie.")] = "13",
) -> None:
    """Make sure that hosts run, all on one bridge; those that do are left alone.

    Three hosts, the last with Debian 12: cift sandbox up a b c=12
    """
    with sentences(), progress() as say:
        lab = Lab(say=say)
        rows = lab.up(names or ["cift-1"], release)
    _table(rows)
    layout = lab.layout
    console.print(
        f"ansible_ssh_common_args: -F {layout.ssh_config} -o ControlPath={layout.control}/%h",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def down(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Host names; all if none.")] = None,
    purge: Annotated[bool, typer.Option("--purge", help="Also remove the cached base trees that no lab uses.")] = False,
) -> None:
    """Remove hosts with all that they left, and the lab with its last host. Twice is fine."""
    with sentences(), progress() as say:
        lab = Lab(say=say)
        gone = lab.down(names or ())
        stay = base.purge(lab.layout.cache) if purge else []
    console.print(f"removed: {', '.join(gone) or 'nothing was there'}", highlight=False)
    if stay:
        console.print(f"kept, because hosts of another lab stand on it: {', '.join(stay)}", highlight=False)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show the hosts of the lab."""
    with sentences():
        rows = Lab().hosts()
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(rows), indent=2))
    else:
        _table(rows)


@app.command("ssh", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ssh_(
    name: Annotated[str, typer.Argument(help="Host name.")],
    words: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND]...", help="A shell if none.")] = None,
) -> None:
    """Open a shell on a host, or run a command there and return its exit status."""
    with sentences():
        lab = Lab()
        lab.find(name)
    argv = ssh.command(lab.layout, name, *(words or ()))
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted


@app.command()
def reboot(
    name: Annotated[str, typer.Argument(help="Host name.")],
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is up again.")] = False,
) -> None:
    """Let a host reboot itself."""
    with sentences(), progress() as say:
        say(name, "rebooting")
        Lab(say=say).reboot(name, wait=wait)
        say(name, "running" if wait else "asked to reboot")


@app.command()
def unplug(name: Annotated[str, typer.Argument(help="Host name.")]) -> None:
    """Cut a host from the network, as if its cable were pulled: what runs there runs on, and ssh is cut too.

    Until 'cift sandbox plug NAME', a boot by 'up', or 'down'. A reboot of the guest doesn't plug it in.
    """
    with sentences():
        Lab().plug(name, plugged=False)
    console.print(f"{name}: cut from the network; 'cift sandbox plug {name}' ends it", highlight=False)


@app.command()
def plug(name: Annotated[str, typer.Argument(help="Host name.")]) -> None:
    """Bring a host that was unplugged back to the network; one that wasn't is left alone."""
    with sentences():
        Lab().plug(name, plugged=True)
    console.print(f"{name}: on the network", highlight=False)


def _table(rows: list[HostStatus]) -> None:
    table = Table("host", "Debian", "address", "state", "booted (UTC)", "boots", "took (s)")
    for row in rows:
        table.add_row(
            row.name, row.release, row.address, row.state, (row.booted_at or "-")[:16].replace("T", " "),
            str(row.boots), "-" if row.boot_seconds is None else f"{row.boot_seconds:.1f}",
        )  # fmt: skip
    console.print(table)
