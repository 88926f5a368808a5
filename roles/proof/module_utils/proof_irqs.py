"""Where interrupts truly came after traffic: the effective CPUs of each, held against the plan's map.

The effective CPU follows a new affinity with the next interrupt only, so that one which never came since proves
nothing: it is counted, not judged.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

from ansible.module_utils.proof_interrupts import FILE, Counts, parse
from ansible.module_utils.proof_subject import Subject, cpus, judged, skipped
from ansible.module_utils.setting_cpus import parse_list
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_rows import Row

ROW = "interrupts after traffic, effective CPUs"
WANTED = "the plan's CPUs"
WHY = "what the affinity asks for, the interrupt controller may not do"
SOURCE = "https://docs.kernel.org/core-api/irq/irq-affinity.html"
PACKETS, DISCARD = 200, 9


def row(subject: Subject) -> Row:
    """Drive a little traffic, then return the row of where interrupts came."""
    if kind := subject.machine.container():
        return skipped(ROW, WANTED, f"container ({kind}): interrupts belong to the machine's kernel", SOURCE)
    if subject.machine.program(subject.irq_program) is None:
        return skipped(ROW, WANTED, f"{subject.irq_program} is not there: the role irq has not run", SOURCE)
    before = parse(subject.machine.read(FILE) or "")
    said = drive(subject.machine)
    after = parse(subject.machine.read(FILE) or "")
    answer = subject.machine.run(subject.irq_program, "state")
    if answer.returncode != 0:
        return judged(ROW, WANTED, f"{subject.irq_program} state: {answer.stderr.strip()}", False, WHY, SOURCE)
    return compare(json.loads(answer.stdout), after, after.since(before, range(8192)), said)


def compare(state: list[dict[str, Any]], now: Counts, came: dict[str, dict[int, int]], said: str) -> Row:
    """Return the row of a state as `cift-irq state` prints it: number, name, wanted and effective CPUs, kept."""
    wrong, kept, quiet, good = [], 0, 0, 0
    for interrupt in state:
        label = f"{interrupt['number']} {interrupt['name']}".strip()
        effective = _cpus(interrupt["effective"])
        if interrupt["kept"]:
            kept += 1
        elif not effective:  # a controller without such a choice, or an interrupt that was never started
            quiet += 1
        elif effective <= frozenset(interrupt["wanted"]):
            good += 1
        elif not came.get(str(interrupt["number"])):
            quiet += 1
        else:
            wrong.append(f"{label} on {cpus(effective)}, planned {cpus(frozenset(interrupt['wanted']))}")
    parts = [f"{good} where planned"]
    parts += [f"{kept} kept by the kernel"] if kept else []
    parts += [f"{quiet} without an interrupt since"] if quiet else []
    text = "; ".join(wrong[:6]) or f"{', '.join(parts)} ({said})"
    return judged(ROW, WANTED, text, not wrong, WHY, SOURCE)


def _cpus(text: str | None) -> frozenset[int]:
    try:
        return parse_list(text or "")
    except ValueError:
        return frozenset()


def drive(machine: Machine) -> str:
    """Send packets to the default gateway's discard port, so that the cards' queues interrupt; return what was done."""
    gateway = default_gateway(machine.read("/proc/net/route") or "")
    if gateway is None:
        return "no traffic driven: the host has no default gateway"
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for port in range(PACKETS):
                # Ports differ, so that a card which spreads flows uses all its queues.
                try:
                    sender.sendto(b"cift proof", (gateway, DISCARD + port))
                except (BlockingIOError, ConnectionRefusedError):
                    continue
                if port % 20 == 19:
                    time.sleep(0.02)
    except OSError as error:
        return f"no traffic driven: {gateway}: {error.strerror or error}"
    return f"after {PACKETS} packets to {gateway}"


def default_gateway(routes: str) -> str | None:
    """Return the gateway of /proc/net/route's default route, None where there is none."""
    for line in routes.splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[1] == "00000000" and words[7] == "00000000" and words[2] != "00000000":
            return socket.inet_ntoa(struct.pack("=L", int(words[2], 16)))
    return None
