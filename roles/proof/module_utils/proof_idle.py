"""Idle states that take too long to leave: how often the isolated and irq CPUs were in one, over a window of time."""

from __future__ import annotations

from ansible.module_utils.proof_subject import Subject, cpus, judged, number, skipped
from ansible.module_utils.setting_rows import Row

ROW = "deep idle states on isolated and irq CPUs"
WHY = "a CPU in C2 needs 18 to 400 us to come back"
SOURCE = "https://docs.kernel.org/admin-guide/pm/cpuidle.html"
Usage = dict[tuple[int, str], int]
"""How often a CPU was in a state, by the CPU and the state's name."""


def read(subject: Subject) -> Usage:
    """Return the usage of the states that take longer to leave than the plan's CPUs may."""
    found: Usage = {}
    for cpu in sorted(subject.isolated | subject.irq):
        for path in subject.machine.glob(f"/sys/devices/system/cpu/cpu{cpu}/cpuidle/state*"):
            exit_us = number(subject.machine.read(f"{path}/latency") or "")
            usage = number(subject.machine.read(f"{path}/usage") or "")
            if exit_us is None or usage is None or exit_us <= (subject.idle_exit_us or 0):
                continue
            found[cpu, (subject.machine.read(f"{path}/name") or path).strip()] = usage
    return found


def why_not(subject: Subject) -> str | None:
    """Return why nothing can be said here, None where it can."""
    if kind := subject.machine.container():
        return f"container ({kind}): the idle states are the machine's"
    if not subject.isolated | subject.irq:
        return "the plan has no isolated or irq CPU on this host"
    if subject.idle_exit_us is None:
        return "the inventory leaves idling to the kernel (kernel_idle_exit_us is null)"
    if not subject.machine.glob("/sys/devices/system/cpu/cpu*/cpuidle/state1"):
        return "no idle states to choose from"
    return None


def row(subject: Subject, before: Usage, after: Usage) -> Row:
    """Return the row of the states that were entered."""
    entered = {key: count - before[key] for key, count in after.items() if key in before and count > before[key]}
    names = sorted({name for _, name in entered})
    parts = [
        f"{name} {sum(count for (_, state), count in entered.items() if state == name)} times on "
        f"{cpus({cpu for cpu, state in entered if state == name})}"
        for name in names
    ]
    text = "; ".join(parts) or f"none on CPUs {cpus(subject.isolated | subject.irq)}"
    return judged(ROW, f"none that takes over {subject.idle_exit_us} us to leave", text, not entered, WHY, SOURCE)


def none(why: str) -> list[Row]:
    """Return the same row where nothing can be read."""
    return [skipped(ROW, "not entered", why, SOURCE)]
