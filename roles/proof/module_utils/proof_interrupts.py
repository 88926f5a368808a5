"""Interrupts and timer ticks on isolated CPUs, counted over a window of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible.module_utils.proof_subject import Subject, cpus, judged, skipped
from ansible.module_utils.setting_rows import Row

FILE = "/proc/interrupts"
TICKS = "LOC"
TICK_LIMIT = 1.1
INTERRUPTS = "interrupts on isolated CPUs"
TICK_ROW = "timer ticks on isolated CPUs"
WHY = "an interrupt takes an engine thread's CPU, and its cache, for microseconds"
TICK_WHY = "a CPU with one runnable task needs no tick; the kernel keeps one a second for its own accounts"
SOURCE = "https://docs.kernel.org/filesystems/proc.html"
TICK_SOURCE = "https://docs.kernel.org/timers/no_hz.html"


@dataclass(frozen=True)
class Counts:
    """/proc/interrupts at one moment: of each line its last word and the count of each CPU."""

    names: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[int, int]] = field(default_factory=dict)

    def since(self, before: Counts, wanted: Iterable[int]) -> dict[str, dict[int, int]]:
        """Return `{line: {cpu: count}}` of what came on the CPUs since; an interrupt that is new counts from zero."""
        grown: dict[str, dict[int, int]] = {}
        chosen = set(wanted)
        for line, by_cpu in self.counts.items():
            old = before.counts.get(line, {})
            more = {cpu: count - old.get(cpu, 0) for cpu, count in by_cpu.items() if cpu in chosen}
            if came := {cpu: count for cpu, count in more.items() if count > 0}:
                grown[line] = came
        return grown

    def name(self, line: str) -> str:
        """Return what a line is called: `36 virtio1-req.0` of a device's interrupt, `LOC` of the kernel's own."""
        return f"{line} {self.names[line]}" if line.isdigit() and self.names.get(line) else line


def parse(text: str) -> Counts:
    """Return the counts of /proc/interrupts' text.

    The head names the online CPUs alone; lines without a count for each CPU (ERR, MIS) have those that are there, and
    a line that was cut off in the middle has what was read of it.
    """
    lines = text.splitlines()
    heads = [word for word in (lines[0].split() if lines else []) if word.startswith("CPU") and word[3:].isdigit()]
    columns = [int(word[3:]) for word in heads]
    names, counts = {}, {}
    for line in lines[1:]:
        label, colon, rest = line.partition(":")
        words = rest.split()
        if not colon or not words:
            continue
        numbers = []
        for word in words[: len(columns)]:
            if not word.isdigit():
                break
            numbers.append(int(word))
        counts[label.strip()] = dict(zip(columns, numbers, strict=False))
        names[label.strip()] = words[-1] if len(words) > len(numbers) else ""
    return Counts(names, counts)


def rows(subject: Subject, before: Counts, after: Counts, seconds: float, busy: frozenset[int]) -> list[Row]:
    """Return the rows of interrupts and ticks; `busy` are the isolated CPUs that a service's threads ran on."""
    return [_interrupts(subject, before, after, seconds, busy), _ticks(subject, before, after, seconds)]


def none(why: str) -> list[Row]:
    """Return the same rows where nothing can be read."""
    return [
        skipped(INTERRUPTS, "none but the named", why, SOURCE),
        skipped(TICK_ROW, f"under {TICK_LIMIT} a second", why, TICK_SOURCE),
    ]


def _interrupts(subject: Subject, before: Counts, after: Counts, seconds: float, busy: frozenset[int]) -> Row:
    grown = after.since(before, subject.online)
    wanted = f"none in {seconds:.0f} s but {', '.join(subject.interrupts) or 'none'}"
    if subject.rare_interrupts:
        wanted += f", and under {TICK_LIMIT} a second of {', '.join(subject.rare_interrupts)}"
    if not after.counts:
        return judged(INTERRUPTS, wanted, f"{FILE} can't be read", False, WHY, SOURCE)
    foreign = []
    for line, by_cpu in sorted(grown.items(), key=lambda item: -sum(item[1].values())):
        if line in subject.interrupts:
            continue
        allowed = busy if line in subject.service_interrupts else frozenset()
        fewest = TICK_LIMIT * seconds if line in subject.rare_interrupts else 1
        hit = {cpu: count for cpu, count in by_cpu.items() if cpu not in allowed and count >= fewest}
        if hit:
            foreign.append(f"{after.name(line)} {sum(hit.values())} on {cpus(set(hit))}")
    seen = cpus(subject.online)
    found = "; ".join(foreign[:8]) or f"none on CPUs {seen}"
    return judged(INTERRUPTS, wanted, found, not foreign, WHY, SOURCE)


def _ticks(subject: Subject, before: Counts, after: Counts, seconds: float) -> Row:
    wanted = f"under {TICK_LIMIT} a second on each"
    if TICKS not in after.counts or TICKS not in before.counts:
        why = f"{FILE} has no {TICKS} line: this architecture counts its timer elsewhere"
        return skipped(TICK_ROW, wanted, why, TICK_SOURCE)
    grown = after.since(before, subject.online).get(TICKS, {})
    rates = {cpu: grown.get(cpu, 0) / seconds for cpu in subject.online}
    over = {cpu for cpu, rate in rates.items() if rate >= TICK_LIMIT}
    worst = max(rates.values(), default=0.0)
    found = f"{worst:.2f} a second at most" + (f", too many on {cpus(over)}" if over else "")
    return judged(TICK_ROW, wanted, found, not over, TICK_WHY, TICK_SOURCE)
