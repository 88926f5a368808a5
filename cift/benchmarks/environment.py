"""What a figure was measured on: processor, memory, kernel, and the versions of our own parts."""

from __future__ import annotations

import os
import platform
import re
import socket
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def hardware() -> dict[str, Any]:
    """Return the processor's name and microcode, the cores this process may use, memory in GiB, network, kernel.

    `class` names all machines whose figures can be compared: all of that but microcode and a kernel's last numbers.
    """
    found: dict[str, Any] = {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "nic": _nic(),
        "kernel": platform.release(),
        "microcode": _cpu_field("microcode") or "not told",
    }
    kernel = ".".join(found["kernel"].split(".")[:2])
    parts = f"{found['cpu']} {found['cores']}c {found['memory_gib']:.0f}g {found['nic']} {kernel}"
    return found | {"class": re.sub(r"[^a-z0-9.]+", "-", parts.lower()).strip("-")}


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
    return _cpu_field("model name") or platform.machine()


def _cpu_field(wanted: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        field, _, value = line.partition(":")
        if field.strip() == wanted:
            return value.strip()
    return ""


def _nic() -> str:
    """Return driver and speed in Mbit/s of the fastest network card; `virtual` where there is no card."""
    found = []
    for card in Path("/sys/class/net").glob("*/device/driver"):
        speed = 0
        with suppress(OSError, ValueError):  # one without a link doesn't tell
            speed = int((card.parents[1] / "speed").read_text())
        found.append((speed, card.resolve().name))
    if not found:
        return "virtual"
    speed, driver = max(found)
    return f"{driver} {speed}" if speed > 0 else driver
