#!/usr/bin/python3
"""Pin every interrupt by the host's plan, or read back where they are.

    cift-irq apply     cift-irq verify     cift-irq state

/etc/cift/irq.json says: `default` (the CPUs of every interrupt but the NICs' queues, as a list such as "0,32") and
`interfaces` ({"eth0": [1, 2]}: queue 0 on CPU 1, queue 1 on CPU 2, queue 2 on CPU 1 again).

Compared is `smp_affinity_list`; the effective one follows only with the next interrupt. Interrupts that the kernel
keeps (per-CPU timers, managed queues of NVMe and virtio disks) refuse to be moved. `apply` notes them in
/run/cift-irq.json, `verify` names them, and they are no failure. `state` says of each interrupt where it belongs and
where it truly comes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The interrupts that refused to be moved, below the root.
KEPT = "run/cift-irq.json"

# What the drivers call a queue's interrupt; the number is the queue's.
#   virtio_net  virtio3-input.0        mlx5_core  mlx5_comp0@pci:0000:01:00.0, eth0-0 (older)
#   ice, idpf   ice-eth0-TxRx-0        bnxt_en    eth0-TxRx-0, bnxt_en-eth0-TxRx-0
#   igb         eth0-rx-0, eth0-tx-0   ena        eth0-Tx-Rx-0
#   gve         gve-ntfy-blk0@pci:...  vmxnet3    eth0-rxtx-0
QUEUE = re.compile(
    r"(?:-(?:input|output)\.|mlx5_comp|-TxRx-|-Tx-Rx-|-rx-|-tx-|-rxtx-|-ntfy-blk|-ntfy-block\.|^[a-z][a-z0-9]*-)(\d+)"
    r"(?:@.*)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Interrupt:
    """An interrupt, the interface whose device has it (empty for others), and its queue (None for a device's rest)."""

    number: int
    name: str
    interface: str = ""
    queue: int | None = None


def queue_of(name: str) -> int | None:
    """Return the queue of a NIC's interrupt, None for its control interrupts (`virtio3-config`, `mlx5_async0@...`)."""
    found = QUEUE.search(name)
    return int(found.group(1)) if found else None


def parse_cpus(text: str) -> set[int]:
    """Return the CPUs of a list such as `0-3,8`."""
    found: set[int] = set()
    for run in text.strip().split(","):
        if run:
            first, _, last = run.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    return found


def mask(cpus: set[int]) -> str:
    """Return CPUs as the kernel's mask, in words of 32 bits."""
    bits = sum(1 << cpu for cpu in cpus)
    words = [f"{bits >> shift & 0xFFFFFFFF:08x}" for shift in range(0, max(bits.bit_length(), 1), 32)]
    return ",".join(reversed(words))


def names(root: Path) -> dict[int, str]:
    """Return the name of each numbered interrupt: the last word of its line, after counts, chip and trigger."""
    found = {}
    for line in (root / "proc/interrupts").read_text().splitlines():
        number, _, rest = line.partition(":")
        if number.strip().isdigit() and rest.split():
            found[int(number)] = rest.split()[-1]
    return found


def of_interface(root: Path, interface: str) -> set[int]:
    """Return the interrupts of an interface's device; those of virtio belong to the PCI device above it."""
    device = root / "sys/class/net" / interface / "device"
    if not device.exists():
        return set()
    for folder in (device / "msi_irqs", device.resolve().parent / "msi_irqs"):
        if folder.is_dir():
            return {int(path.name) for path in folder.iterdir()}
    return set()


def interrupts(root: Path, interfaces: list[str]) -> list[Interrupt]:
    """Return every interrupt that has an affinity."""
    named, owner = names(root), {}
    for interface in interfaces:
        owner.update(dict.fromkeys(of_interface(root, interface), interface))
    folders = [path for path in (root / "proc/irq").iterdir() if path.name.isdigit()]
    found = []
    for number in sorted(int(path.name) for path in folders if (path / "smp_affinity_list").exists()):
        name, interface = named.get(number, ""), owner.get(number, "")
        found.append(Interrupt(number, name, interface, queue_of(name) if interface else None))
    return found


def target(interrupt: Interrupt, plan: dict[str, Any]) -> set[int]:
    """Return the CPUs that an interrupt belongs on."""
    cpus = plan["interfaces"].get(interrupt.interface)
    if cpus and interrupt.queue is not None:
        return {cpus[interrupt.queue % len(cpus)]}
    return parse_cpus(plan["default"])


def apply(root: Path, plan: dict[str, Any]) -> list[str]:
    """Move every interrupt that is elsewhere; return a line for each that moved."""
    default = root / "proc/irq/default_smp_affinity"
    wanted = mask(parse_cpus(plan["default"]))
    if int(default.read_text().replace(",", ""), 16) != int(wanted.replace(",", ""), 16):
        default.write_text(wanted)
    moved, kept = [], []
    for interrupt in interrupts(root, list(plan["interfaces"])):
        path = root / f"proc/irq/{interrupt.number}/smp_affinity_list"
        cpus = target(interrupt, plan)
        before = path.read_text().strip()
        if parse_cpus(before) == cpus:
            continue
        try:
            path.write_text(",".join(map(str, sorted(cpus))))
        except OSError:
            kept.append([interrupt.number, interrupt.name])
            continue
        moved.append(f"{interrupt.number} {interrupt.name}: {before} to {path.read_text().strip()}")
    (root / KEPT).parent.mkdir(exist_ok=True)
    (root / KEPT).write_text(json.dumps(kept))
    return moved


def verify(root: Path, plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows of a verify report: one for each queue's interrupt, one for all others together."""
    known = json.loads((root / KEPT).read_text()) if (root / KEPT).exists() else []
    rows, others, kept, wrong = [], 0, [], []
    found = interrupts(root, list(plan["interfaces"]))
    for interrupt in found:
        live = (root / f"proc/irq/{interrupt.number}/smp_affinity_list").read_text().strip()
        cpus = target(interrupt, plan)
        good = parse_cpus(live) == cpus
        if interrupt.queue is not None:
            wanted = ",".join(map(str, sorted(cpus)))
            setting = f"{interrupt.interface} queue {interrupt.queue} ({interrupt.name})"
            rows.append(_row(setting, wanted, live, "pass" if good else "fail"))
            continue
        others += 1
        if not good:
            refused = [interrupt.number, interrupt.name] in known
            (kept if refused else wrong).append(f"{interrupt.number} {interrupt.name} on {live}")
    why = f"kept by the kernel: {', '.join(kept)}" if kept else ""
    live = ", ".join(wrong) or f"{others - len(kept)} of {others} there"
    rows.append(_row("all other interrupts", f"CPUs {plan['default']}", live, "fail" if wrong else "pass", why))
    queues = {interrupt.interface for interrupt in found if interrupt.queue is not None}
    for interface in plan["interfaces"]:
        if interface not in queues:
            rows.append(_row(f"queues of {interface}", "pinned", None, "skip", "it has no interrupts for its queues"))
    return rows


def state(root: Path, plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each interrupt's number, name, wanted CPUs, effective CPUs (as a list's text), and whether it is kept."""
    known = json.loads((root / KEPT).read_text()) if (root / KEPT).exists() else []
    found = []
    for interrupt in interrupts(root, list(plan["interfaces"])):
        effective = root / f"proc/irq/{interrupt.number}/effective_affinity_list"
        try:
            text = effective.read_text().strip()
        except OSError:  # a controller that offers no choice
            text = ""
        kept = [interrupt.number, interrupt.name] in known
        wanted = sorted(target(interrupt, plan))
        one = {"number": interrupt.number, "name": interrupt.name, "wanted": wanted, "effective": text, "kept": kept}
        found.append(one)
    return found


def _row(setting: str, wanted: str, live: str | None, verdict: str, why: str = "") -> dict[str, Any]:
    reason = why or "an interrupt runs on the plan's CPUs alone"
    source = "https://docs.kernel.org/core-api/irq/irq-affinity.html"
    known = {"setting": setting, "wanted": wanted, "persistent": "cift-irq.service", "live": live}
    return known | {"verdict": verdict, "why": reason, "source": source}


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = argparse.ArgumentParser(description="Pin every interrupt by the host's plan, or read back where they are.")
    parser.add_argument("what", choices=["apply", "verify", "state"])
    parser.add_argument("--plan", type=Path, default=Path("/etc/cift/irq.json"))
    parser.add_argument("--root", type=Path, default=Path("/"), help="a folder that stands in for the machine")
    asked = parser.parse_args(arguments)
    try:
        plan = json.loads(asked.plan.read_text())
    except (OSError, ValueError) as error:
        print(f"cift-irq: {asked.plan}: {error}; expected the file that the role irq writes", file=sys.stderr)
        return 2
    if asked.what == "verify":
        print(json.dumps(verify(asked.root, plan)))
    elif asked.what == "state":
        print(json.dumps(state(asked.root, plan)))
    else:
        print("\n".join(apply(asked.root, plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
