"""The machine drawn in the terminal: sockets, nodes, CCXs and cores, coloured by class."""

from __future__ import annotations

from itertools import groupby

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from cift.ops.plan.cpulist import format_cpus
from cift.ops.plan.outcome import outcome
from cift.ops.plan.planner import CLASSES, Plan
from cift.ops.plan.topology import Core

STYLES = {
    "housekeeping": "white on grey37",
    "irq": "black on yellow",
    "data": "white on blue",
    "isolated": "black on green",
}


def draw(plan: Plan) -> RenderableType:
    """Return the picture: one box a CCX, one cell a core (its CPUs), then the legend and what follows."""
    sockets = []
    for package, of_package in groupby(sorted(plan.topology.cores, key=_place), key=lambda core: core.package):
        nodes = []
        for node, of_node in groupby(of_package, key=lambda core: core.node):
            boxes = [_ccx(plan, ccx, list(cores)) for ccx, cores in groupby(of_node, key=lambda core: core.ccx)]
            nic = "  NIC" if node == plan.nic_node else ""
            nodes.append(Panel(Columns(boxes), title=f"node {node}{nic}", title_align="left", border_style="dim"))
        sockets.append(Panel(Group(*nodes), title=f"socket {package}", title_align="left"))
    return Group(Text(plan.topology.cpu_model, style="bold"), *sockets, _legend(plan), _words(plan))


def _place(core: Core) -> tuple[int, int, int, tuple[int, ...]]:
    return core.package, core.node, core.ccx, core.cpus


def _ccx(plan: Plan, ccx: int, cores: list[Core]) -> Panel:
    cells = Text()
    for position, core in enumerate(cores):
        if position:
            cells.append("\n" if position % 4 == 0 else " ")
        cells.append(f" {'+'.join(map(str, core.cpus)):>3} ", style=STYLES[plan.class_of(core.cpus[0])])
    return Panel(cells, title=f"L3 {ccx}", title_align="left", border_style="dim", expand=False)


def _legend(plan: Plan) -> Text:
    legend = Text()
    for name in CLASSES:
        legend.append(f" {name} ", style=STYLES[name])
        legend.append(f" {format_cpus(plan.classes[name]) or 'none'}   ")
    return legend


def _words(plan: Plan) -> Text:
    follows = outcome(plan)
    words = Text("\n")
    for name, place in follows["services"].items():
        words.append(f"{name:<12}", style="bold")
        words.append(f"CPUs {format_cpus(place['cpus'])}, node {place['numa_node']}\n")
    words.append(f"\n{'NIC queues':<12}", style="bold")
    words.append(f"{follows['irq']['nic_queues']} on CPUs {format_cpus(follows['irq']['queue_cpus'])}\n")
    words.append(f"{'kernel':<12}", style="bold")
    words.append(f"{follows['kernel_cmdline']}\n")
    for sacrifice in follows["given_up"]:
        words.append("given up    ", style="bold yellow")
        words.append(f"{sacrifice}\n")
    return words
