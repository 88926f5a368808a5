"""Who may run on isolated CPUs: every thread's allowed CPUs held against the plan."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ansible.module_utils.proof_subject import Subject, cpus, judged, named, skipped
from ansible.module_utils.setting_cpus import parse_list
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_rows import Row

ROW = "tasks allowed on isolated CPUs"
WANTED = "the plan's services and the kernel's threads of each CPU"
WHY = "a task that may run there will, on the day that everything else is busy"
SOURCE = "https://docs.kernel.org/admin-guide/kernel-per-CPU-kthreads.html"
# PF_KTHREAD and PF_WQ_WORKER of include/linux/sched.h.
KERNEL_THREAD = 0x00200000
WORKER = 0x00000020


@dataclass(frozen=True)
class Task:
    """A thread: its name, the CPUs that it may be on, the one that it was on last, its unit (empty for a kernel's)."""

    pid: int
    name: str
    kernel: bool
    allowed: frozenset[int]
    last: int | None
    unit: str = ""


def tasks(machine: Machine) -> Iterator[Task]:
    """Yield every thread of the host; one that ended meanwhile, or whose files are cut short, is left out."""
    for status_path in machine.glob("/proc/[0-9]*/task/[0-9]*/status"):
        folder = status_path.removesuffix("/status")
        found = _task(machine, folder, machine.read(status_path) or "", machine.read(f"{folder}/stat") or "")
        if found is not None:
            yield found


def _task(machine: Machine, folder: str, status: str, stat: str) -> Task | None:
    fields = {
        key: value.strip() for key, colon, value in (line.partition(":") for line in status.splitlines()) if colon
    }
    # The name stands in brackets and may have blanks and brackets itself: what follows is after the last one.
    words = stat.rpartition(")")[2].split()
    try:
        allowed = parse_list(fields["Cpus_allowed_list"])
        flags, last = int(words[6]), int(words[36]) if len(words) > 36 else None
    except (KeyError, ValueError, IndexError):
        return None
    name, kernel = fields.get("Name", "?"), bool(flags & KERNEL_THREAD)
    if kernel and flags & WORKER and not name.startswith("kworker/"):
        # The rescuer of a workqueue: Linux before 6.8 calls it by the queue's name alone.
        name = f"kworker/R-{name}"
    unit = "" if kernel else unit_of(machine.read(f"{folder}/cgroup") or "")
    return Task(int(folder.rpartition("/")[2]), name, kernel, allowed, last, unit)


def unit_of(cgroup: str) -> str:
    """Return the innermost service or scope of a control group's path, empty where there is none."""
    path = next((line.split("::", 1)[1] for line in cgroup.splitlines() if line.startswith("0::")), "")
    found: list[str] = re.findall(r"[^/]+\.(?:service|scope)", path)
    return found[-1] if found else ""


def of_services(subject: Subject, found: list[Task]) -> frozenset[int]:
    """Return the isolated CPUs on which a program's thread was last, of those threads that may be there."""
    return frozenset(
        task.last
        for task in found
        if not task.kernel and task.last is not None and task.last in subject.isolated & task.allowed
    )


def row(subject: Subject, found: list[Task]) -> Row:
    """Return the row of tasks that the plan doesn't have there."""
    if not found:
        return judged(ROW, WANTED, "no task can be read in /proc", False, WHY, SOURCE)
    foreign: Counter[str] = Counter()
    where: dict[str, set[int]] = {}
    for task in found:
        there = task.allowed & subject.isolated
        if not there or _known(subject, task, there):
            continue
        name = task.name if task.kernel or not task.unit else f"{task.name} ({task.unit})"
        foreign[name] += 1
        where.setdefault(name, set()).update(there)
    names = [
        f"{name}{f' x{count}' if count > 1 else ''} on {cpus(where[name])}" for name, count in foreign.most_common()
    ]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    text = "; ".join(names[:8]) + more or f"those alone on CPUs {cpus(subject.isolated)}"
    return judged(ROW, WANTED, text, not foreign, WHY, SOURCE)


def none(why: str) -> list[Row]:
    """Return the same row where nothing can be read."""
    return [skipped(ROW, WANTED, why, SOURCE)]


def _known(subject: Subject, task: Task, there: frozenset[int]) -> bool:
    if task.kernel:
        return named(task.name, subject.threads)
    return there <= subject.units.get(task.unit, frozenset())
