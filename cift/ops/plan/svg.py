"""The same picture as a self-contained SVG, light and dark, for the report."""

from __future__ import annotations

from itertools import groupby
from xml.sax.saxutils import escape

from cift.ops.plan.cpulist import format_cpus
from cift.ops.plan.planner import CLASSES, Plan
from cift.ops.plan.topology import Core

CELL, GAP, PAD, ACROSS = 34, 4, 10, 4  # pixels; cores in a row of a CCX
WIDTH = 1000

# Every rule is of this picture alone, as it also stands inside the report's page, with other pictures.
_STYLE = """
.cift-plan .t{font:600 13px system-ui,sans-serif;fill:#1d2a3a}.cift-plan .s{font:11px system-ui,sans-serif;fill:#566577}
.cift-plan .c{font:10px ui-monospace,monospace;text-anchor:middle;fill:#fff}.cift-plan .box{fill:none;stroke:#b8c4d2}
.cift-plan .housekeeping{fill:#6b7785}.cift-plan .irq{fill:#b7791f}.cift-plan .data{fill:#2b6cb0}
.cift-plan .isolated{fill:#2f855a}
@media(prefers-color-scheme:dark){.cift-plan .t{fill:#e8eef5}.cift-plan .s{fill:#a9b6c5}.cift-plan .box{stroke:#465567}}
"""


def draw_svg(plan: Plan) -> str:
    """Return the SVG document; every core has a title with its CPUs and class, for screen readers and the pointer."""
    parts: list[str] = []
    y = 30
    parts.append(f'<text class="t" x="{PAD}" y="18">{escape(plan.topology.cpu_model)}</text>')
    cores = sorted(plan.topology.cores, key=lambda core: (core.package, core.node, core.ccx, core.cpus))
    for (package, node), of_node in groupby(cores, key=lambda core: (core.package, core.node)):
        y = _node(parts, plan, f"socket {package} · node {node}", node, list(of_node), y)
    x = PAD
    for name in CLASSES:
        label = f"{name} {format_cpus(plan.classes[name]) or 'none'}"
        parts.append(f'<rect class="{name}" x="{x}" y="{y}" width="12" height="12" rx="2"/>')
        parts.append(f'<text class="s" x="{x + 18}" y="{y + 10}">{label}</text>')
        x += 30 + 7 * len(label)
    summary = escape("; ".join(f"{name}: CPUs {format_cpus(plan.classes[name]) or 'none'}" for name in CLASSES))
    return (
        f'<svg class="cift-plan" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 24}" role="img">'
        f"<title>CPU plan</title><desc>{summary}</desc><style>{_STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _node(parts: list[str], plan: Plan, label: str, node: int, cores: list[Core], y: int) -> int:
    """Draw one node's CCXs in rows and return where the next node begins."""
    nic = " · NIC" if node == plan.nic_node else ""
    parts.append(f'<text class="s" x="{PAD}" y="{y + 12}">{label}{nic}</text>')
    y += 20
    x, tallest = PAD, 0
    for ccx, members in groupby(cores, key=lambda core: core.ccx):
        inside = list(members)
        columns = min(ACROSS, len(inside))
        width = 2 * PAD + columns * CELL + (columns - 1) * GAP
        rows = -(-len(inside) // ACROSS)
        height = 2 * PAD + 14 + rows * CELL + (rows - 1) * GAP
        if x + width > WIDTH - PAD:
            x, y, tallest = PAD, y + tallest + GAP, 0
        parts.append(f'<rect class="box" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>')
        parts.append(f'<text class="s" x="{x + PAD}" y="{y + 15}">L3 {ccx}</text>')
        for position, core in enumerate(inside):
            row, column = divmod(position, ACROSS)
            left, top = x + PAD + column * (CELL + GAP), y + PAD + 12 + row * (CELL + GAP)
            parts.append(_cell(core, plan.class_of(core.cpus[0]), left, top))
        x, tallest = x + width + GAP, max(tallest, height)
    return y + tallest + PAD


def _cell(core: Core, name: str, x: int, y: int) -> str:
    first, *others = core.cpus
    below = f'<tspan x="{x + CELL // 2}" dy="12">{"+".join(map(str, others))}</tspan>' if others else ""
    text_y = y + CELL // 2 + (4 if not others else -2)
    return (
        f"<g><title>CPUs {format_cpus(core.cpus)}: {name}</title>"
        f'<rect class="{name}" x="{x}" y="{y}" width="{CELL}" height="{CELL}" rx="4"/>'
        f'<text class="c" x="{x + CELL // 2}" y="{text_y}">{first}{below}</text></g>'
    )
