"""One process for each host: boots it, boots it again when the guest asks for a reboot, ends when it powers off.

Run as `python -m cift.ops.sandbox.supervisor STATE_FOLDER CACHE_FOLDER HOST`. It outlives the `cift` that started it.
If it is killed itself, the host goes on until its next reboot; `list` calls it unwatched, `up` boots it anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from cift.ops.sandbox import cgroups, records
from cift.ops.sandbox.layout import Layout

GUEST_REBOOTS = 133
# nspawn under --keep-unit leaves cgroups as it finds them; `network` lets a guest set its own network's sysctls and
# nothing else of the machine's kernel.
ENVIRONMENT = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}


def keeper_group(layout: Layout, name: str) -> str:
    """Control group of the supervisor."""
    return f"{layout.group}/hosts/{name}/keeper"


def guest_group(layout: Layout, name: str) -> str:
    """Control group of the container."""
    return f"{layout.group}/hosts/{name}/guest"


def container(layout: Layout, name: str) -> list[str]:
    """The command that boots a host once. Loading kernel modules stays the machine's own business."""
    folder = layout.host(name)
    return [
        *("systemd-nspawn", "--quiet", "--boot", f"--directory={folder / 'root'}"),
        *(f"--machine={layout.machine(name)}", f"--hostname={name}", "--register=no", "--keep-unit"),
        f"--network-namespace-path={folder / 'net'}",
        *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=read-only"),
        *("--capability=all", "--drop-capability=CAP_SYS_MODULE"),
        *("--system-call-filter=bpf", "--system-call-filter=@keyring", "--system-call-filter=perf_event_open"),
    ]


def wanted(layout: Layout, name: str) -> bool:
    """Whether the lab still wants this host."""
    host = records.load(layout).hosts.get(name)
    return host is not None and host.wanted == "up"


def supervise(layout: Layout, name: str) -> int:
    """Boot the host until it powers off; returns the container's last exit status.

    The order matters: this process enters its control group first and asks for the host's wish after. `down` writes
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
        status = subprocess.run(
            container(layout, name),
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT},
            preexec_fn=cgroups.entering(guest_group(layout, name)),
        ).returncode
        if status != GUEST_REBOOTS:
            return status
    return 0


if __name__ == "__main__":
    state, cache, host = sys.argv[1:]
    raise SystemExit(supervise(Layout(Path(state), Path(cache)), host))
