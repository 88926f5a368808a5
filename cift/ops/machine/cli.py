"""`cift machine`: virtual machines with a kernel of their own, on this machine."""

from __future__ import annotations

import json
import os
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cift.ops.machine import owner as owners
from cift.ops.machine.power import BOOT_TIMEOUT
from cift.ops.machine.rack import MachineStatus, Rack
from cift.ops.sandbox import ssh
from cift.ops.sandbox.cli import progress, sentences

COMMAND = "cift machine"
app = typer.Typer(
    help="Virtual machines with their own kernel: GRUB, two NUMA nodes, igb and virtio network cards. "
    "KVM where a stock kernel boots under it, emulation otherwise.",
    no_args_is_help=True,
)
console = Console()


@app.command()
def up(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Machine names; metal-1 if none.")
    ] = None,
    release: Annotated[str, typer.Option(help="Debian release: 12, 13, bookworm or trixie.")] = "13",
    accelerator: Annotated[str, typer.Option(help="auto, kvm or tcg.")] = "auto",
    owner: Annotated[
        int | None,
        typer.Option(
            metavar="PID", envvar="CIFT_MACHINE_OWNER", show_envvar=True,
            help="A process: it is told what happens, and the rack is removed when it ends, however it ends.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Make sure that machines run; those that do are left alone. The first call builds the image (minutes)."""
    with sentences(COMMAND), progress() as shown:
        tell = owners.teller(owner) if owner else lambda _line: None

        def say(name: str, step: str) -> None:
            shown(name, step)
            tell(f"{name}: {step}")

        rack = Rack(say=say)
        opened = (lambda: owners.start(rack.layout, owner)) if owner else (lambda: None)
        rows = rack.up(names or ["metal-1"], release, accelerator, opened)
    _table(rows)
    layout = rack.layout
    console.print(
        f"ansible_ssh_common_args: -F {layout.ssh_config} -o ControlPath={layout.control}/%h",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def down(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Machine names; all if none.")] = None,
    purge: Annotated[bool, typer.Option("--purge", help="With the last machine also its image and emulator.")] = False,
) -> None:
    """Remove machines with all that they left, and the rack with its last one. Twice is fine."""
    with sentences(COMMAND), progress() as say:
        gone = Rack(say=say).down(names or (), purge=purge)
    console.print(f"removed: {', '.join(gone) or 'nothing was there'}", highlight=False)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show the machines of the rack."""
    with sentences(COMMAND):
        rows = Rack().machines()
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(rows), indent=2))
    else:
        _table(rows)


@app.command("ssh", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ssh_(
    name: Annotated[str, typer.Argument(help="Machine name.")],
    words: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND]...", help="A shell if none.")] = None,
) -> None:
    """Open a shell on a machine, or run a command there and return its exit status."""
    with sentences(COMMAND):
        rack = Rack()
        rack.find(name)
    argv = ssh.command(rack.layout, name, *(words or ()))
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted


@app.command()
def reboot(
    name: Annotated[str, typer.Argument(help="Machine name.")],
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is up again.")] = False,
    hard: Annotated[bool, typer.Option("--hard", help="Cut its power, as for one that hangs.")] = False,
) -> None:
    """Let a machine reboot itself, through its boot loader."""
    with sentences(COMMAND), progress() as say:
        say(name, "power cut" if hard else "rebooting")
        seconds = Rack(say=say).reboot(name, hard=hard, timeout=BOOT_TIMEOUT if wait else None)
        say(name, "asked to reboot" if seconds is None else "running")
    if seconds is not None:
        console.print(f"{name}: up again {seconds:.0f} s after power-on", highlight=False)


def _table(rows: list[MachineStatus]) -> None:
    table = Table("machine", "Debian", "address", "by", "state", "booted (UTC)", "boots", "took (s)")
    for row in rows:
        table.add_row(
            row.name, row.release, row.address, row.accelerator, row.state,
            (row.booted_at or "-")[:16].replace("T", " "),
            str(row.boots), "-" if row.boot_seconds is None else f"{row.boot_seconds:.1f}",
        )  # fmt: skip
    console.print(table)
