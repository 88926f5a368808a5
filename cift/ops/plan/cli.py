"""`cift plan`: read a topology, plan, draw."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cift.ops.plan.outcome import outcome
from cift.ops.plan.planner import RefusedPlanError, make_plan
from cift.ops.plan.policy import Policy, PolicyError, read_policy
from cift.ops.plan.svg import draw_svg
from cift.ops.plan.terminal import draw
from cift.ops.plan.topology import Topology, TopologyError, read_topology, with_memory


def plan(
    topology: Annotated[
        Path | None, typer.Option(help="hwloc XML of a host (lstopo-no-graphics --of xml FILE); default: this machine")
    ] = None,
    memory_mib: Annotated[
        int | None,
        typer.Option(min=1, help="Memory of a host of one NUMA node (MemTotal), whatever its topology says"),
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="YAML with the cores wanted in each class")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write the picture to this file")] = None,
) -> None:
    """Plan a host's CPUs, memory and interrupts, and draw the plan.

    Every CPU ends in one class: housekeeping (the kernel and everything unplanned), irq (the NIC's queues), data (NATS,
    ClickHouse, the cache, PostgreSQL) or isolated (the engine). A host that is too small gives things up and says
    which; with `production: true` in the policy it is refused instead, with exit status 2.
    """
    try:
        found = read_topology(topology) if topology else _this_machine()
        if memory_mib:
            found = with_memory(found, memory_mib << 20)
        made = make_plan(found, read_policy(policy) if policy else Policy())
    except (TopologyError, PolicyError, RefusedPlanError) as error:
        typer.echo(f"cift plan: {error}", err=True)
        raise typer.Exit(2) from error
    if svg:
        try:
            svg.write_text(draw_svg(made))
        except OSError as error:
            typer.echo(f"cift plan: {svg}: {error.strerror}; expected a file that can be written", err=True)
            raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(outcome(made), indent=2))
    else:
        Console().print(draw(made))


def _this_machine() -> Topology:
    command = shutil.which("lstopo-no-graphics")
    if command is None:
        raise TopologyError(
            "lstopo-no-graphics is not installed here; install the package hwloc-nox, or name a file with --topology"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "topology.xml")
        result = subprocess.run([command, "--of", "xml", str(path)], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise TopologyError(f"{command} failed: {result.stderr.strip() or 'no message'}")
        return read_topology(path)
