"""`cift replay`: play order flow, say how fast and how right."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console

from cift.core.config import get_settings
from cift.core.orderflow import OrderFlowError
from cift.ops.replay.api_target import ApiTarget
from cift.ops.replay.core_target import CoreTarget
from cift.ops.replay.result import ReplayResult
from cift.ops.replay.run import replay_file, replay_generated
from cift.ops.replay.target import ReplayError
from cift.ops.runner.inventory import read_inventory
from cift.ops.runner.project import ProjectError, find_inventory, find_root
from cift.ops.sandbox.errors import SandboxError
from cift.ops.up.access import api_access

_BAD_INPUT = 2
_DEFAULT_EVENTS = 2000

File = Annotated[Path | None, typer.Argument(help="A message file; without one, order flow is generated.")]


def replay(
    file: File = None,
    file_format: Annotated[Literal["lobster"], typer.Option("--format", help="The file's format.")] = "lobster",
    core: Annotated[bool, typer.Option("--core", help="Into the Rust core in this process, not the API.")] = False,
    compare: Annotated[
        Path | None, typer.Option(help="The book file: seeds the book, and every row is compared.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="At most so many events per second.")] = None,
    generate: Annotated[int, typer.Option(min=1, help="How many events to generate.")] = _DEFAULT_EVENTS,
    seed: Annotated[int, typer.Option(help="The seed of generated order flow.")] = 1,
    symbol: Annotated[str, typer.Option(help="The instrument to play into.")] = "AAPL",
    json: Annotated[Path | None, typer.Option(help="Write the result here.")] = None,
    url: Annotated[str | None, typer.Option(help="The API.", envvar="CIFT_API_URL")] = None,
    ca: Annotated[str | None, typer.Option(help="The API's certificate.", envvar="CIFT_API_CA")] = None,
    inventory: Annotated[
        str | None,
        typer.Option("--inventory", "-i", help="Find API, certificate and key of an inventory's first host."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Empty the symbol's book first, by taking all of it.")] = False,
) -> None:
    """Play order flow through the API (key in CIFT_API_KEY), or into the core; print rate, latency and differences."""
    console = Console(stderr=True)
    try:
        if compare is not None and file is None:
            raise ReplayError("--compare needs the message file that belongs to it")
        target = CoreTarget(symbol) if core else _api(symbol, url, ca, inventory)
        with target if isinstance(target, ApiTarget) else nullcontext():
            if clear and isinstance(target, ApiTarget):
                target.clear()
            if file is None:
                result = replay_generated(generate, seed, target, rate=rate, console=console)
            else:
                result = replay_file(file, target, compare=compare, rate=rate, console=console)
    except (ReplayError, OrderFlowError, ProjectError, SandboxError) as error:
        console.print(f"cift replay: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(_BAD_INPUT) from error
    _show(result, json)
    if not result.good:
        raise typer.Exit(1)


def _api(symbol: str, url: str | None, ca: str | None, inventory: str | None) -> ApiTarget:
    """Return the API that the options, the inventory or the environment name, in this order."""
    if inventory is not None:
        root = find_root()
        known = read_inventory(root, find_inventory(root, inventory))
        hosts = known.hosts("trading")
        if not hosts:
            raise ReplayError(f"inventory {inventory}: no host in the group trading, so no API to play to")
        access = api_access(root, known, hosts[0])
        return ApiTarget(symbol, url or access.url, access.key, ca or access.ca)
    settings = get_settings()
    key = settings.api_key.get_secret_value()
    if not key:
        raise ReplayError("CIFT_API_KEY is empty: set it to a key that may trade, name an --inventory, or use --core")
    return ApiTarget(symbol, url or settings.api_url, key, ca or settings.api_ca)


def _show(result: ReplayResult, path: Path | None) -> None:
    console = Console()
    console.print(result.table())
    for message in result.messages:
        console.print(f"  {message}", highlight=False)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
