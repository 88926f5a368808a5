"""The behaviours that cost a host nothing but a little reading: watched over a window, while it does what it does."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible.module_utils import proof_idle, proof_interrupts, proof_log, proof_tasks
from ansible.module_utils.proof_subject import Subject, cpus, judged, skipped
from ansible.module_utils.setting_rows import Row

ONLINE_ROW = "isolated CPUs online"
ONLINE_WHY = "a CPU that is offline runs no engine, and its interrupts went to others"
ONLINE_SOURCE = "https://docs.kernel.org/core-api/cpu_hotplug.html"


def rows(subject: Subject, window: float, sleep: Callable[[float], None] = time.sleep) -> list[Row]:
    """Watch the host for `window` seconds and return the rows; in a container at once, each with the reason."""
    no_isolation, no_idle = subject.why_not(), proof_idle.why_not(subject)
    counts = proof_interrupts.parse(_interrupts(subject))
    usage, started = proof_idle.read(subject) if no_idle is None else {}, time.monotonic()
    if no_isolation is None or no_idle is None:
        sleep(window)
    seconds = max(time.monotonic() - started, window)
    after = proof_interrupts.parse(_interrupts(subject))
    found = proof_log.rows(subject)
    found += [proof_idle.row(subject, usage, proof_idle.read(subject))] if no_idle is None else proof_idle.none(no_idle)
    if no_isolation is not None:
        online = skipped(ONLINE_ROW, "all of the plan's", no_isolation, ONLINE_SOURCE)
        return [online, *proof_interrupts.none(no_isolation), *proof_tasks.none(no_isolation), *found]
    tasks = list(proof_tasks.tasks(subject.machine))
    busy = proof_tasks.of_services(subject, tasks)
    online = judged(
        ONLINE_ROW, cpus(subject.isolated), cpus(subject.online), subject.online == subject.isolated,
        ONLINE_WHY, ONLINE_SOURCE,
    )  # fmt: skip
    return [
        online,
        *proof_interrupts.rows(subject, counts, after, seconds, busy),
        proof_tasks.row(subject, tasks),
        *found,
    ]


def _interrupts(subject: Subject) -> str:
    return subject.machine.read(proof_interrupts.FILE) or ""
