"""What a figure was measured on: processor, memory, kernel, and the versions of our own parts."""

from __future__ import annotations

import os
import platform
import socket
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def hardware() -> dict[str, Any]:
    """Return the processor's name, the cores this process may use, memory in GiB and the kernel."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
    }


def host() -> str:
    """Return the host's own name."""
    return socket.gethostname()


def load() -> float:
    """Return how many processes ran or waited for a CPU, on average of the last minute."""
    return os.getloadavg()[0]


def versions() -> dict[str, str]:
    """Return the versions of Python, cift and cift_core, and what the core was built for."""
    found = {"python": platform.python_version()}
    for package in ("cift", "cift_core"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    try:
        from cift_core import build_info
    except ImportError:
        return found
    found["cift_core target-cpu"] = str(build_info()["target_cpu"])
    return found


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        field, _, value = line.partition(":")
        if field.strip() == "model name":
            return value.strip()
    return platform.machine()
