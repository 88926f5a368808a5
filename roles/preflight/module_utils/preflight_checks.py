"""What a host has, against what it must have. Each check is found, expected and fix."""

from __future__ import annotations

import fnmatch
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GIB = 1 << 30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `fix` says what to do when it isn't good."""

    name: str
    found: str
    expected: str
    good: bool
    fix: str

    def sentence(self) -> str:
        """Return `name: found ..., expected ...; fix`."""
        return f"{self.name}: found {self.found}, expected {self.expected}; {self.fix}"


def release(known: dict[str, list[str]], os_release: str) -> Check:
    """The distribution and its release, from the text of /etc/os-release."""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    name, version = fields.get("ID", "unknown"), fields.get("VERSION_ID", "unknown")
    expected = " or ".join(f"{distribution} {item}" for distribution, items in known.items() for item in items)
    fix = "install a release that the roles know, or add this one to preflight_releases and to the roles' vars"
    return Check("operating system", f"{name} {version}", expected, version in known.get(name, []), fix)


def architecture(known: list[str], found: str) -> Check:
    """The CPU's architecture."""
    return Check("CPU architecture", found, " or ".join(known), found in known, "choose another host")


def cores(least: int, found: int) -> Check:
    """The CPUs that this host may use."""
    fix = "choose a larger host, or lower preflight_cores and expect lower figures"
    return Check("CPUs", str(found), f"at least {least}", found >= least, fix)


def memory(least_gib: float, meminfo: str) -> Check:
    """The memory, from the text of /proc/meminfo; what firmware and kernel keep (5 %) is not held against the host."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    found = int(match.group(1)) / (1 << 20) if match else 0.0
    fix = "choose a larger host, or lower preflight_memory_gib and the services' own memory settings"
    return Check("memory", f"{found:.1f} GiB", f"at least {least_gib:g} GiB", found >= 0.95 * least_gib, fix)


def disk(path: str, size_gib: float, free_gib: float) -> Check:
    """Size and free space of the file system that the folder lies in, or will lie in."""
    folder = Path(path)
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    size, free = usage.total / GIB, usage.free / GIB
    fix = f"free space on it, mount a larger one at {path}, or lower preflight_disks"
    found = f"{free:.1f} GiB free of {size:.1f} GiB"
    expected = f"at least {free_gib:g} GiB free of at least {size_gib:g} GiB"
    return Check(f"file system of {path}", found, expected, size >= size_gib and free >= free_gib, fix)


def holders() -> dict[int, set[str]]:
    """Return who listens on each TCP port: the unit that systemd knows, otherwise the program and its process id."""
    listing = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    sockets = _sockets()
    found: dict[int, set[str]] = {}
    for line in listing.splitlines():
        port = int(line.split()[3].rsplit(":", 1)[1])
        for name, pid in re.findall(r'"([^"]+)",pid=(\d+)', line) or [("an unknown process", "")]:
            socket = sockets.get(port) if pid == "1" else None
            found.setdefault(port, set()).add(socket or _unit(pid) or f"{name} (process {pid})")
    return found


def _sockets() -> dict[int, str]:
    """Return the unit of each TCP socket that systemd keeps for its services."""
    listing = subprocess.run(
        ["systemctl", "list-sockets", "--no-legend", "--plain"], capture_output=True, text=True, check=False
    ).stdout
    return {int(port): unit for port, unit in re.findall(r"^\S*:(\d+)\s+(\S+\.socket)", listing, re.MULTILINE)}


def _unit(pid: str) -> str:
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii")
    except OSError:
        return ""
    units = re.findall(r"([^/\n]+\.(?:service|scope|socket))", groups)
    return units[-1] if units else ""


def port(number: int, unit: str, held: dict[int, set[str]]) -> Check:
    """A port that is free, or held by the unit that gets it (a pattern)."""
    strangers = sorted(name for name in held.get(number, set()) if not fnmatch.fnmatch(name, unit))
    found = f"held by {', '.join(strangers)}" if strangers else "free" if number not in held else f"held by {unit}"
    fix = "stop what holds it, or give the service another port in the inventory"
    return Check(f"port {number}", found, f"free or held by {unit}", not strangers, fix)


def everything(wanted: dict[str, Any]) -> list[Check]:
    """Look at the host this runs on; `wanted` has the module's parameters."""
    held = holders() if wanted["ports"] else {}
    return [
        release(wanted["releases"], Path("/etc/os-release").read_text(encoding="utf-8")),
        architecture(wanted["architectures"], platform.machine()),
        cores(wanted["cores"], len(os.sched_getaffinity(0))),
        memory(wanted["memory_gib"], Path("/proc/meminfo").read_text(encoding="ascii")),
        *(disk(item["path"], item.get("size_gib", 0), item.get("free_gib", 0)) for item in wanted["disks"]),
        *(port(item["port"], item["unit"], held) for item in wanted["ports"]),
    ]
