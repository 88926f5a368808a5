"""What the kernel complained about since it booted: its log, and the marks that its own warnings leave (taint)."""

from __future__ import annotations

import re

from ansible.module_utils.proof_subject import Subject, judged, number, skipped
from ansible.module_utils.setting_rows import Row, row, shorten

LOG_ROW, TAINT_ROW = "kernel warnings since boot", "kernel taint"
LOG_WHY = "the kernel says what it could not do, and what stopped it, here alone"
TAINT_WHY = "a kernel that warned, or met a machine check, may run on with a lock held or a CPU lost"
SOURCE = "https://docs.kernel.org/admin-guide/tainted-kernels.html"
WANTED = "none about what is tuned"

# What makes a host's latency or its settings doubtful, by what it is about.
COMPLAINTS = {
    "warning": re.compile(r"^WARNING: |\bBUG: |\bOops\b|general protection fault|Call Trace:"),
    "argument": re.compile(
        r"Malformed early option|nohz_full= |Housekeeping: |isolcpus: "
        r"|HugeTLB: .*(?:failed|invalid|unsupported)|hugepages: allocating .* failed|amd_pstate: .*(?:fail|unsupported)"
    ),
    "tick": re.compile(r"NOHZ.*(?:tick-stop error|local_softirq_pending)|can't stop.*tick"),
    "network": re.compile(r"NETDEV WATCHDOG|transmit queue \d+ timed out"),
    "hardware": re.compile(r"Hardware Error|[Mm]achine [Cc]heck (?:events|:)|EDAC .*\b[CU]E\b"),
    "throttled": re.compile(r"RT throttling activated|perf: interrupt took too long"),
}
# What a virtual machine's own machine does to it: it stops its CPUs at will.
OF_THE_MACHINE = {
    "stall": re.compile(r"soft lockup|hard LOCKUP|rcu:? .*(?:stall|starved)|blocked for more than \d+ seconds"),
    "clock": re.compile(r"TSC unstable|Marking clocksource .* as unstable|clocksource: .*skew.* too large"),
}
# GRUB's own BOOT_IMAGE stands there too, and whatever others gave: only words of the plan matter.
UNKNOWN = re.compile(r'Unknown kernel command line parameters "([^"]*)"')
# Taint flags that speak of trouble; modules of other licences or out of the tree (P, O, E) don't.
TAINT = {4: "M (machine check)", 5: "B (bad page)", 7: "D (it died)", 9: "W (warning)", 14: "L (soft lockup)"}


def rows(subject: Subject) -> list[Row]:
    """Return the rows of the kernel's log and taint."""
    if kind := subject.machine.container():
        why = f"container ({kind}): the kernel is the machine's"
        return [skipped(LOG_ROW, WANTED, why, SOURCE), skipped(TAINT_ROW, "none of trouble", why, SOURCE)]
    return [_log(subject), _taint(subject)]


def _log(subject: Subject) -> Row:
    text = _read(subject)
    if text is None:
        return skipped(LOG_ROW, WANTED, "neither journalctl nor dmesg shows the kernel's log here", SOURCE)
    complaints, machines = sort_out(text, subject.tolerated, subject.words)
    if machines and not subject.virtual():
        complaints, machines = complaints + machines, []
    if machines and not complaints:
        why = f"virtual machine, whose CPUs its machine stops at will: {_sample(machines)}"
        return row({"source": SOURCE}, LOG_ROW, WANTED, live=f"{len(machines)} lines", verdict="skip", why=why)
    return judged(LOG_ROW, WANTED, _sample(complaints) or "none", not complaints, LOG_WHY, SOURCE)


def _sample(lines: list[str]) -> str:
    more = f" (and {len(lines) - 3} more)" if len(lines) > 3 else ""
    return "; ".join(shorten(line, 120) for line in lines[:3]) + more


def _read(subject: Subject) -> str | None:
    # Also what is less than a warning: a kernel argument that nobody knows is a notice.
    for command in (
        ["journalctl", "--dmesg", "--boot", "--output=cat", "--quiet", "--no-pager"],
        ["dmesg", "--notime"],
    ):
        if subject.machine.program(command[0]) is None:
            continue
        answer = subject.machine.run(*command)
        if answer.returncode == 0 and answer.stdout.strip():
            return answer.stdout
    return None


def sort_out(
    text: str, tolerated: tuple[str, ...] = (), words: frozenset[str] = frozenset()
) -> tuple[list[str], list[str]]:
    """Return the lines that complain, and those that in a virtual machine are its machine's doing."""
    ours, machines = [], []
    for line in dict.fromkeys(re.sub(r"^\[[\d .]+\] ", "", line) for line in text.splitlines()):
        if any(re.search(pattern, line) for pattern in tolerated):
            continue
        unknown = UNKNOWN.search(line)
        ignored = unknown is not None and any(word.partition("=")[0] in words for word in unknown.group(1).split())
        if ignored or any(pattern.search(line) for pattern in COMPLAINTS.values()):
            ours.append(line)
        elif any(pattern.search(line) for pattern in OF_THE_MACHINE.values()):
            machines.append(line)
    return ours, machines


def _taint(subject: Subject) -> Row:
    bits = number(subject.machine.read("/proc/sys/kernel/tainted") or "")
    if bits is None:
        return skipped(TAINT_ROW, "none of trouble", "/proc/sys/kernel/tainted can't be read", SOURCE)
    bad = [name for bit, name in TAINT.items() if bits >> bit & 1]
    soft = subject.virtual() and bad == [TAINT[14]]
    if soft:
        why = "virtual machine, whose CPUs its machine stops at will"
        return row({"source": SOURCE}, TAINT_ROW, "none of trouble", live=bad[0], verdict="skip", why=why)
    text = ", ".join(bad) or ("none" if bits == 0 else f"{bits}: modules alone")
    return judged(TAINT_ROW, "none of trouble", text, not bad, TAINT_WHY, SOURCE)
