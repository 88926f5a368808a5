"""A control group for the lab and for each host: what a host runs is found there, and ended with one write.

The groups are plain folders below the root of the hierarchy and belong to no session or unit: they outlive the login
that made them, need no systemd on the machine, and look the same on a pure version 2 machine and on a hybrid one
(where systemd's named version 1 hierarchy gets a twin of every group, because nspawn reads that one too).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from cift.ops.sandbox.errors import SandboxError


def roots() -> list[Path]:
    """Roots of the hierarchies in use: version 2 first, then the named one of systemd if the machine has it."""
    unified: list[Path] = []
    named: list[Path] = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        mountpoint, kind, options = left.split()[4], right.split()[0], right.split()[2]
        if kind == "cgroup2":
            unified.append(Path(mountpoint))
        elif kind == "cgroup" and "name=systemd" in options.split(","):
            named.append(Path(mountpoint))
    return unified[:1] + named[:1]


def create(group: str) -> None:
    """Make a group and its parents in every hierarchy, and hand down the controllers that can be handed down."""
    for root in roots():
        (root / group).mkdir(parents=True, exist_ok=True)
    unified = roots()[0]
    parent = unified
    for part in Path(group).parts:
        _hand_down(parent)
        parent = parent / part


def _hand_down(group: Path) -> None:
    """Offer each controller to the children; a machine that has bound one to version 1 simply lacks it here."""
    for controller in (group / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def enter(group: str) -> None:
    """Move the calling process into the group.

    Raises:
        OSError: the group is gone, which means that the host is being taken down.
    """
    for root in roots():
        (root / group / "cgroup.procs").write_text("0")


def entering(group: str) -> Callable[[], None]:
    """For `Popen(preexec_fn=...)`: only bare system calls between fork and exec, so threads do no harm."""
    files = [os.fsencode(root / group / "cgroup.procs") for root in roots()]

    def move() -> None:
        for file in files:
            descriptor = os.open(file, os.O_WRONLY)
            os.write(descriptor, b"0")
            os.close(descriptor)

    return move


def populated(group: str) -> bool:
    """Whether any process lives in the group or below it."""
    try:
        return "populated 1" in (roots()[0] / group / "cgroup.events").read_text()
    except (FileNotFoundError, OSError):
        return False


def children(group: str) -> list[str]:
    """Names of the groups directly below, in any hierarchy."""
    found = {
        path.name for root in roots() if (root / group).is_dir() for path in (root / group).iterdir() if path.is_dir()
    }
    return sorted(found)


def kill(group: str) -> None:
    """End every process in the group and below, and keep the groups. A group that is not there is fine."""
    with contextlib.suppress(FileNotFoundError):
        (roots()[0] / group / "cgroup.kill").write_text("1")


def remove(group: str, timeout: float = 20) -> None:
    """End every process in the group and below, and remove the groups. A group that is not there is fine.

    Raises:
        SandboxError: something in it does not end within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    kill(group)
    while populated(group) and time.monotonic() < deadline:
        time.sleep(0.02)
    for root in roots():
        while not _remove_tree(root / group):
            if time.monotonic() > deadline:
                raise SandboxError(f"processes in {root / group} do not end; see its cgroup.procs, then try again")
            time.sleep(0.02)


def _remove_tree(top: Path) -> bool:
    """Remove empty groups from the leaves up; tells whether all are gone."""
    for folder, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            try:
                Path(folder).rmdir()
            except OSError:
                return False
    return not top.exists()
