"""hwlatdetect, cyclictest and oslat, in this order: latencies of the hardware can't be tuned away by the system's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible.module_utils import proof_interrupts, proof_tasks
from ansible.module_utils.proof_figures import Histogram, hwlat, rt_tests
from ansible.module_utils.proof_run import EndedError, Progress, measure
from ansible.module_utils.proof_subject import Subject, cpus
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_rows import Row, row

TRACER, TRACERS = "hwlat", ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
SOURCES = {
    "hwlatdetect": "https://docs.kernel.org/trace/hwlat_detector.html",
    "cyclictest": "https://wiki.linuxfoundation.org/realtime/documentation/howto/tools/cyclictest/start",
    "oslat": "https://git.kernel.org/pub/scm/utils/rt-tests/rt-tests.git/tree/src/oslat",
}
WHYS = {
    "hwlatdetect": "firmware stops all CPUs (SMI), and no setting of the system helps",
    "cyclictest": "how late a thread wakes up is how late it sees an order",
    "oslat": "what takes a busy-polling engine thread off its CPU, and for how long",
}
# us; beyond it a latency is counted as over, with the maximum exact.
CYCLIC_BUCKETS, OSLAT_BUCKETS = 10_000, 1024
INTERVAL_US, PRIORITY = 200, 80


@dataclass(frozen=True)
class Place:
    """Where is measured, and why nothing may be judged there (empty where it may)."""

    cpus: frozenset[int]
    unjudged: str = ""


@dataclass(frozen=True)
class Job:
    """One program to run: its command without the place of its result, or why it is left out."""

    name: str
    command: list[str]
    why_not: str = ""
    result: str = "--json="


def place(subject: Subject) -> Place:
    """Return the isolated CPUs that no service's thread is on; without any, those that the engine is on anyway."""
    reason = subject.why_not()
    if reason is None:
        taken = proof_tasks.of_services(subject, list(proof_tasks.tasks(subject.machine)))
        free = subject.online - taken
        if free:
            return Place(free)
        return Place(frozenset(), f"services run on CPUs {cpus(taken)}: stop them to measure there")
    return Place(frozenset(), reason)


def jobs(machine: Machine, where: Place, main: int, seconds: int) -> list[Job]:
    """Return the programs in their order. `main` is the CPU of their own main thread, off the measured ones.

    cyclictest also measures where no CPU is isolated: it sleeps most of the time. oslat would take a CPU from everyone.
    """
    chosen = ",".join(map(str, sorted(where.cpus)))
    cyclic = ["cyclictest", "--quiet", "--mlockall", f"--duration={seconds}", f"--priority={PRIORITY}"]
    # Without --default-system it would hold the CPUs out of their idle states itself, and prove nothing of the host.
    cyclic += ["--default-system", f"--interval={INTERVAL_US}", "--distance=0", f"--histogram={CYCLIC_BUCKETS}"]
    if where.cpus:
        cyclic += [f"--affinity={chosen}", f"--threads={len(where.cpus)}", f"--mainaffinity={main}"]
    else:
        cyclic += ["--threads=1"]
    oslat = ["oslat", "--quiet", f"--duration={seconds}", f"--cpu-list={chosen}", f"--cpu-main-thread={main}"]
    oslat += [f"--rtprio={PRIORITY}", f"--bucket-size={OSLAT_BUCKETS}", "--zero-omit"]
    detect = ["hwlatdetect", f"--duration={seconds}s", "--threshold=1", "--hardlimit=1000000"]
    detect += [f"--cpu-list={chosen}"]
    found = [
        Job("hwlatdetect", detect, where.unjudged or _no_tracer(machine), result=""),
        Job("cyclictest", cyclic),
        Job("oslat", oslat, where.unjudged),
    ]
    return [_installed(machine, job) for job in found]


def _installed(machine: Machine, job: Job) -> Job:
    if job.why_not or machine.program(job.name) is not None:
        return job
    return Job(job.name, job.command, f"{job.name} is not installed; site.yml installs rt-tests", job.result)


def _no_tracer(machine: Machine) -> str:
    for folder in TRACERS:
        if (text := machine.read(f"{folder}/available_tracers")) is not None:
            return "" if TRACER in text.split() else "this kernel was built without the hwlat tracer"
    return "the kernel's tracing is not mounted, or has no tracers"


def stop_tracer(machine: Machine) -> None:
    """Stop the kernel's hwlat thread, which goes on by itself when hwlatdetect was killed."""
    for folder in TRACERS:
        if (machine.read(f"{folder}/current_tracer") or "").strip() == TRACER:
            machine.write(f"{folder}/current_tracer", "nop")


def run(subject: Subject, seconds: int, limits: dict[str, float | None], progress: Progress, main: int) -> list[Row]:
    """Run the programs one after the other, `seconds` each, and return their rows.

    `limits` are the most us that each may show; None or a missing one measures without judging.
    """
    where = place(subject)
    todo = jobs(subject.machine, where, main, seconds)
    total, past, found = seconds * sum(not job.why_not for job in todo), 0.0, []
    for job in todo:
        limit = limits.get(job.name)
        if job.why_not:
            found.append(_left_out(job, limit, job.why_not))
            continue
        ticks = proof_interrupts.parse(subject.machine.read(proof_interrupts.FILE) or "")

        def say(elapsed: float, name: str = job.name, before: float = past) -> None:
            progress.say(name, before + elapsed, total)

        try:
            result, printed = measure(job.command, seconds, progress, say, job.result)
            found += _rows(job, result, printed, limit, where, seconds)
        except (EndedError, ValueError, OSError) as error:
            found.append(_failed(job, limit, where, str(error)))
        finally:
            if job.name == "hwlatdetect":
                stop_tracer(subject.machine)
        past += seconds
        if job.name == "oslat":
            found += _busy_ticks(subject, ticks, where, seconds)
    progress.say("done", total, total, done=True)
    return found


def _wanted(limit: float | None) -> str:
    return "reported; the inventory has no limit" if limit is None else f"at most {limit:g} us"


def _left_out(job: Job, limit: float | None, why: str) -> Row:
    return row({"source": SOURCES[job.name]}, job.name, _wanted(limit), verdict="skip", why=why)


def _failed(job: Job, limit: float | None, where: Place, why: str) -> Row:
    """A program that may not work here (a container's kernel refuses priorities) is no failure of the host.

    Nor is one without a limit: nothing would have been judged (in an emulated machine oslat may come to no sample).
    """
    if where.unjudged:
        return _left_out(job, limit, f"{where.unjudged}; {why}")
    if limit is None:
        return _left_out(job, limit, f"not measured, and the inventory has no limit: {why}")
    return row({"source": SOURCES[job.name]}, job.name, _wanted(limit), live=why, verdict="fail", why=WHYS[job.name])


def _rows(job: Job, result: dict[str, Any], printed: str, limit: float | None, where: Place, seconds: int) -> list[Row]:
    if job.name == "hwlatdetect":
        worst, samples = hwlat(printed)
        text = f"max {worst:g} us, {samples} samples over 1 us in {seconds} s"
        return [_judge(job, text, worst, limit, where, {"max": worst, "n": samples, "seconds": seconds})]
    by_cpu, whole = rt_tests(result), Histogram()
    for one in by_cpu.values():
        whole.add(one)
    figures = whole.summary() | {
        "seconds": seconds,
        # A thread that is bound to no CPU has -1.
        "cpus": {
            str(cpu): {"p999": one.percentile(99.9), "max": one.max} for cpu, one in sorted(by_cpu.items()) if cpu >= 0
        },
    }
    on = f"on CPUs {cpus(where.cpus)}" if where.cpus else "on the CPUs of a session"
    text = f"max {whole.max:g} us, p99.9 {figures['p999']:g} us {on} in {seconds} s"
    return [_judge(job, text, whole.max, limit, where, figures)]


def _judge(job: Job, text: str, worst: float, limit: float | None, where: Place, figures: dict[str, Any]) -> Row:
    known = {"source": SOURCES[job.name], "why": WHYS[job.name]}
    more = {"figures": figures | {"limit": limit, "unit": "us"}}
    if where.unjudged:
        why = f"measured, not judged: {where.unjudged}"
        return row(known, job.name, _wanted(limit), live=text, verdict="skip", why=why) | more
    good = limit is None or worst <= limit
    return row(known, job.name, _wanted(limit), live=text, verdict="pass" if good else "fail") | more


def _busy_ticks(subject: Subject, before: proof_interrupts.Counts, where: Place, seconds: int) -> list[Row]:
    """Return the row of timer ticks while oslat kept the CPUs busy: an idle CPU has none in any case."""
    after = proof_interrupts.parse(subject.machine.read(proof_interrupts.FILE) or "")
    grown = after.since(before, where.cpus).get(proof_interrupts.TICKS, {})
    worst = max((grown.get(cpu, 0) / seconds for cpu in where.cpus), default=0.0)
    # A few for the program's own start and end on each CPU, whose share shrinks with the duration.
    limit = proof_interrupts.TICK_LIMIT + 20 / seconds
    setting, wanted = "timer ticks under oslat", f"under {limit:.1f} a second on each CPU"
    known = {"source": proof_interrupts.TICK_SOURCE, "why": proof_interrupts.TICK_WHY}
    verdict = "pass" if worst < limit else "fail"
    return [row(known, setting, wanted, live=f"{worst:.2f} a second at most", verdict=verdict)]
