"""One measurement of a trial: wake-ups, interruptions and the core's own latency, as a few figures in us."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from ansible.module_utils.proof_figures import Histogram, rt_tests
from ansible.module_utils.proof_latency import jobs, place
from ansible.module_utils.proof_run import Progress, measure
from ansible.module_utils.proof_subject import Subject

PYTHON = "/opt/cift/current/bin/python"
# One call on the order book in a mixed flow, as the benchmark measures it; prints the row.
CORE = (
    "import msgspec; from cift.benchmarks import matching, profile; "
    "print(msgspec.json.encode(matching.measure(profile.QUICK)[0]).decode())"
)
CORE_TIMEOUT_S = 120


@dataclass(frozen=True)
class Meter:
    """What measures on this host, and why the rest doesn't."""

    subject: Subject
    seconds: int
    housekeeping: int
    progress: Progress
    core: bool = True

    def missing(self) -> dict[str, str]:
        """Return what can't be measured here, with the reason."""
        where = place(self.subject)
        todo = jobs(self.subject.machine, where, self.housekeeping, self.seconds)
        found = {job.name: job.why_not for job in todo if job.why_not and job.name != "hwlatdetect"}
        if not self.core:
            found["core"] = "left out"
        elif self.subject.machine.program(PYTHON) is None:
            found["core"] = f"the core is not installed here: no {PYTHON}"
        return found

    def shot(self, say: Callable[[float], None] = lambda elapsed: None) -> dict[str, float]:
        """Measure once; raises EndedError or ValueError where a program gives no figures."""
        where, figures = place(self.subject), {}
        for job in jobs(self.subject.machine, where, self.housekeeping, self.seconds):
            if job.why_not or job.name == "hwlatdetect":
                continue
            result, _ = measure(job.command, self.seconds, self.progress, say, job.result)
            whole = Histogram()
            for one in rt_tests(result).values():
                whole.add(one)
            figures |= summary(job.name, whole, self.seconds, max(len(where.cpus), 1))
        if "core" not in self.missing():
            figures |= core(min(where.cpus, default=None))
        return figures


def summary(name: str, whole: Histogram, seconds: float, cpus: int) -> dict[str, float]:
    """Return the figures of a histogram, in us: of oslat also what each CPU lost in a second."""
    if name == "oslat":
        least = min(whole.counts, default=0)
        lost = sum((latency - least) * count for latency, count in whole.counts.items()) + whole.over * whole.max
        return {"oslat max": whole.max, "oslat lost per s": lost / seconds / cpus}
    return {f"{name} p50": whole.percentile(50), f"{name} p99": whole.percentile(99), f"{name} max": whole.max}


def core(cpu: int | None) -> dict[str, float]:
    """Return the latency of one call on the core's order book, on a measured CPU where there is one."""
    pinned = ["taskset", "--cpu-list", str(cpu)] if cpu is not None else []
    argv = ["setpriv", "--pdeathsig", "KILL", "--", *pinned, PYTHON, "-c", CORE]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=CORE_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise ValueError(f"the core's benchmark: {done.stderr.strip().splitlines()[-1:] or 'no message'}")
    row = json.loads(done.stdout)
    return {"core p50": row["p50"], "core p99": row["p99"]}
