"""`cift up` and `cift down`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from cift.ops.replay.api_target import ApiTarget
from cift.ops.replay.result import ReplayResult
from cift.ops.replay.run import replay_file, replay_generated
from cift.ops.report.reading import read_json, write_json
from cift.ops.runner.inventory import read_inventory
from cift.ops.runner.project import ProjectError, find_inventory, find_root
from cift.ops.sandbox import cli as sandbox
from cift.ops.sandbox.errors import SandboxError
from cift.ops.sandbox.lab import Lab
from cift.ops.sandbox.release import codename
from cift.ops.up.access import api_access
from cift.ops.up.alone import alone
from cift.ops.up.services import read_services
from cift.ops.up.session import Session, StepError

_EVENTS = 2_000
_SEED = 1

InventoryOption = Annotated[str, typer.Option("--inventory", "-i", help="A folder in inventories/, or a path.")]


def open_session(inventory: str, command: str) -> Session:
    """Begin a run, or end with one line and status 2 when the checkout or the inventory isn't there."""
    try:
        root = find_root()
        return Session(root, read_inventory(root, find_inventory(root, inventory)), command, Console())
    except ProjectError as error:
        Console(stderr=True).print(f"cift: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def up(
    inventory: InventoryOption = "sandbox",
    release: Annotated[str, typer.Option(help="Debian release of sandbox hosts: 12, 13, bookworm, trixie.")] = "13",
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="LOBSTER messages to replay; generated order flow if none.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The orderbook file that belongs to them: compare every row.")
    ] = None,
    symbol: Annotated[str, typer.Option(help="The instrument to replay into.")] = "AAPL",
) -> None:
    """Make sandbox hosts, provision them, replay orders, verify, measure, report. Again: quick, nothing changed.

    The secrets lie encrypted in .state/secrets/INVENTORY/vault.yml; to see them: ansible-vault view
    --vault-password-file .state/vault-password FILE, or with the vault password that the run was given.
    """
    for path in (replay, compare):
        if path is not None and not path.is_file():
            Console(stderr=True).print(f"cift up: {path}: no such file; name a LOBSTER file", markup=False)
            raise typer.Exit(2)
    problem = (
        "--compare: needs the messages that belong to it; give them with --replay" if compare and not replay else ""
    )
    try:
        codename(release)
    except SandboxError as error:
        problem = f"--release: {error}"
    if problem:
        _refuse(f"up: {problem}")
    session = open_session(inventory, "cift up")
    try:
        with alone(session.root, session.inventory):
            _run(session, release, replay, compare, symbol)
    except ProjectError as error:
        _refuse(f"up: {error}")
    raise typer.Exit(session.finish())


def _run(session: Session, release: str, replay: Path | None, compare: Path | None, symbol: str) -> None:
    names = session.inventory.sandbox_hosts
    ready = True
    if names:
        ready = session.step("sandbox", f"Sandbox hosts {', '.join(names)}", lambda: _sandbox(names, release))
    ready = ready and session.step(
        "site", "Provision", lambda: session.playbook("site.yml", skip_tags="verify,benchmark")
    )
    if ready:
        session.step("replay", "Replay order flow", lambda: _replay(session, symbol, replay, compare))
        session.step("verify", "Verify", lambda: session.playbook("playbooks/verify.yml"))
        session.step("benchmark", "Benchmark", lambda: session.benchmark(quick=bool(names)))
        session.step("services", "Look at the services", lambda: _services(session))


def _refuse(message: str) -> NoReturn:
    Console(stderr=True).print(f"cift {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def down(
    purge: Annotated[bool, typer.Option("--purge", help="Also remove the cached base trees.")] = False,
) -> None:
    """Take the sandbox away, with everything in it. Reports and secrets in the checkout stay."""
    sandbox.down(names=None, purge=purge)


def _sandbox(names: list[str], release: str) -> None:
    with sandbox.progress() as say:
        Lab(say=say).up(names, release)


def _replay(session: Session, symbol: str, file: Path | None, compare: Path | None) -> None:
    """Play order flow through the first trading host's API into an emptied book.

    Raises:
        StepError: orders were refused, or the book came out different.
    """
    host = session.inventory.hosts("trading")[0]
    access = api_access(session.root, session.inventory, host)
    with ApiTarget(symbol, access.url, access.key, access.ca) as target:
        if host in session.inventory.sandbox_hosts:
            target.clear()
        if file is None:
            result = replay_generated(_EVENTS, _SEED, target, console=session.console)
        else:
            result = replay_file(file, target, compare=compare, console=session.console)
    write_json(session.folder / "replay.json", result)
    if not result.good:
        why = "; ".join(result.messages[:1])
        raise StepError(f"{result.errors} orders went wrong, {result.differing} rows differ{': ' + why if why else ''}")


def _services(session: Session) -> None:
    replay = read_json(session.folder / "replay.json", ReplayResult)
    services = read_services(session.root, session.inventory, session.folder / "services.log", replay)
    write_json(session.folder / "services.json", services)
