"""The host whose behaviour is proved: its plan, what may happen on its isolated CPUs, and why nothing can be said."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.setting_cpus import format_list, parse_list
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_rows import Row, row

ONLINE = "/sys/devices/system/cpu/online"
ISOLATED = "/sys/devices/system/cpu/isolated"
NOT_YET = "the kernel isolates no such CPUs yet: the next boot brings it"


@dataclass(frozen=True)
class Subject:
    """What is known of a host before anything is read from it.

    `isolated` and `irq` are the plan's CPUs; `units` are the services of the plan with the CPUs that each may be on;
    `interrupts` are the lines of /proc/interrupts that may count on an isolated CPU, `service_interrupts` those on one
    that a service runs on, `rare_interrupts` those that may count now and then; `threads` are patterns of the kernel's
    own threads there; `words` are the names on the plan's kernel command line.
    """

    machine: Machine
    isolated: frozenset[int] = frozenset()
    irq: frozenset[int] = frozenset()
    units: dict[str, frozenset[int]] = field(default_factory=dict)
    interrupts: tuple[str, ...] = ("LOC",)
    service_interrupts: tuple[str, ...] = ("RES", "CAL", "TLB", "IWI")
    rare_interrupts: tuple[str, ...] = ("CAL",)
    threads: tuple[str, ...] = ()
    idle_exit_us: int | None = 1
    tolerated: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    irq_program: str = "/usr/local/lib/cift/cift-irq"

    @property
    def online(self) -> frozenset[int]:
        """Return the isolated CPUs that are online; where the kernel doesn't say, all of them."""
        text = self.machine.read(ONLINE)
        try:
            return self.isolated & parse_list(text) if text else self.isolated
        except ValueError:
            return self.isolated

    def why_not(self) -> str | None:
        """Return why nothing can be said of isolated CPUs here, None where it can."""
        if kind := self.machine.container():
            return f"container ({kind}): its CPUs are the machine's, and so is what happens on them"
        if not self.isolated:
            return "the plan isolates no CPU on this host"
        try:
            live = parse_list(self.machine.read(ISOLATED) or "")
        except ValueError:
            live = frozenset()
        return None if self.isolated <= live else NOT_YET

    def virtual(self) -> bool:
        """Return whether the host is a virtual machine, whose CPUs another kernel takes away at will."""
        return self.machine.run("systemd-detect-virt", "--vm", "--quiet").returncode == 0


def subject(machine: Machine, known: dict[str, Any]) -> Subject:
    """Return the subject of a dictionary as the role writes it: plan's classes and the role's lists."""
    plan = known["plan"]
    units = {
        unit: frozenset(plan["services"][name]["cpus"])
        for name, unit in known.get("units", {}).items()
        if name in plan["services"]
    }
    return Subject(
        machine=machine,
        isolated=frozenset(plan["classes"]["isolated"]),
        irq=frozenset(plan["classes"]["irq"]),
        units=units,
        interrupts=tuple(known["interrupts"]),
        service_interrupts=tuple(known["service_interrupts"]),
        rare_interrupts=tuple(known["rare_interrupts"]),
        threads=tuple(known["threads"]),
        idle_exit_us=known.get("idle_exit_us"),
        tolerated=tuple(known.get("tolerated", ())),
        words=frozenset(word.partition("=")[0] for word in plan["kernel_cmdline"].split()),
        irq_program=known["irq_program"],
    )


def named(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether one of the patterns matches a name."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def skipped(setting: str, wanted: str, why: str, source: str) -> Row:
    """Return the row of a behaviour that can't be read here."""
    return row({"source": source}, setting, wanted, verdict="skip", why=why)


def judged(setting: str, wanted: str, found: str, good: bool, why: str, source: str) -> Row:
    """Return the row of a behaviour that was read."""
    return row({"why": why, "source": source}, setting, wanted, live=found, verdict="pass" if good else "fail")


def cpus(found: frozenset[int] | set[int]) -> str:
    """Return CPUs as people read them."""
    return format_list(found) or "none"


def number(text: str) -> int | None:
    """Return a kernel file's number, None for anything else (`(null)`, a cut line)."""
    found = re.fullmatch(r"\s*(-?\d+)\s*", text or "")
    return int(found.group(1)) if found else None
