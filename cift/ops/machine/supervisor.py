"""One process for each machine: runs qemu, again when the guest reboots or qemu is killed, ends on a power-off.

Run as `python -m cift.ops.machine.supervisor STATE_FOLDER CACHE_FOLDER MACHINE`. It outlives the `cift` that started
it. If it is killed itself, qemu dies with it: a machine without a supervisor would not come back from its reboot.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from cift.ops.machine import qmp
from cift.ops.sandbox import cgroups, records
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.supervisor import guest_group, keeper_group, wanted

COMMAND = "qemu.json"
LEAST_LIFE = 5.0  # a qemu that ends sooner without a word from its guest refuses its command line


def launch(layout: Layout, name: str) -> str | None:
    """Run the machine once, in its network namespace; returns why it ended."""
    argv = json.loads((layout.host(name) / COMMAND).read_text())
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={layout.host(name) / 'net'}", *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=layout.host(name),
        preexec_fn=cgroups.entering(guest_group(layout, name)),
    ) as qemu:
        assert qemu.stdin is not None  # noqa: S101 - said to the type checker
        assert qemu.stdout is not None  # noqa: S101
        try:
            qmp.greet(qemu.stdin)
        except BrokenPipeError:
            return None
        return qmp.end(qemu.stdout)


def supervise(layout: Layout, name: str) -> int:
    """Run the machine until its guest powers off; returns 1 when qemu refuses.

    The order matters: this process enters its control group first and asks for the machine's wish after. `down` writes
    the wish first and kills the group after, so one of the two always sees the other.
    """
    cgroups.enter(keeper_group(layout, name))
    boots = 0
    while wanted(layout, name):
        boots += 1
        cgroups.remove(guest_group(layout, name))
        cgroups.create(guest_group(layout, name))
        now = datetime.now(UTC)
        boot = {"at": now.isoformat(timespec="seconds"), "count": boots, "monotonic": time.monotonic()}
        records.write_atomically(layout.host(name) / "boot.json", json.dumps(boot).encode())
        with (layout.host(name) / "console.log").open("a") as console:
            console.write(f"\n--- boot {boots}, {boot['at']}\n")
        reason = launch(layout, name)
        if reason == qmp.POWER_OFF:
            return 0
        if reason is None and time.monotonic() - float(str(boot["monotonic"])) < LEAST_LIFE:
            return 1
    return 0


if __name__ == "__main__":
    state, cache, machine = sys.argv[1:]
    raise SystemExit(supervise(Layout(Path(state), Path(cache)), machine))
