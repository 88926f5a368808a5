"""What a host has that tuning may change: configuration files, live values, units. Read, never written here."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Run = Callable[[list[str]], tuple[int, str, str]]
Snapshot = dict[str, dict[str, Any]]
"""`files`: path to entry, `values`: key to text, `units`: name to active state."""

# Kernel files with values, as glob patterns below the root.
LIVE = (
    "sys/kernel/mm/transparent_hugepage/*",
    "sys/kernel/mm/transparent_hugepage/khugepaged/*",
    "sys/kernel/mm/ksm/run",
    "sys/devices/system/node/node*/hugepages/*/nr_hugepages",
    "sys/devices/virtual/workqueue/cpumask",
    "sys/devices/virtual/workqueue/*/cpumask",
    "sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    "sys/devices/system/cpu/cpu*/cpufreq/energy_performance_preference",
    "sys/devices/system/cpu/cpu*/power/pm_qos_resume_latency_us",
    "sys/devices/system/cpu/cpufreq/boost",
    "sys/devices/system/cpu/amd_pstate/status",
    "sys/devices/system/machinecheck/machinecheck*/ignore_ce",
    "sys/block/*/queue/scheduler",
    "sys/block/*/queue/nr_requests",
    "sys/block/*/queue/read_ahead_kb",
    "sys/block/*/queue/rq_affinity",
    "sys/class/net/*/mtu",
    "sys/class/net/*/gro_flush_timeout",
    "sys/class/net/*/napi_defer_hard_irqs",
    "sys/class/net/*/queues/*/rps_cpus",
    "sys/class/net/*/queues/*/xps_cpus",
)
# They change by themselves, or are the host's identity.
NOT_SYSCTL = re.compile(
    r"kernel\.(ns_last_pid|hostname|domainname|random\..*|core_pattern|cap_last_cap|perf_event_max_sample_rate)"
    r"|fs\.(binfmt_misc|mqueue).*|net\.netfilter\..*|.*\.route\.flush|net\.ipv[46]\.neigh\..*|vm\.(drop_caches|stat_refresh)"
    r"|.*\.(base_reachable_time|retrans_time|delay_first_probe_time|stable_secret)"
)
SECTIONS = {"channels": "-l", "rings": "-g", "coalescing": "-c"}


def files(root: Path, watched: list[str]) -> dict[str, Any]:
    """Return an entry for each file, link and folder at or below the watched paths."""
    found: dict[str, Any] = {}
    for top in watched:
        path = root / top.lstrip("/")
        for each in _walk(path):
            found["/" + str(each.relative_to(root))] = entry(each)
    return found


def _walk(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.is_file():
        yield path
    elif path.is_dir():
        yield path
        for child in sorted(path.iterdir()):
            yield from _walk(child)


def entry(path: Path) -> dict[str, Any] | None:
    """Return what a path is: kind, owner, mode, and its content's digest or a link's target. None if it isn't there."""
    try:
        info = path.lstat()
    except FileNotFoundError:
        return None
    known: dict[str, Any] = {"uid": info.st_uid, "gid": info.st_gid, "mode": f"{stat.S_IMODE(info.st_mode):04o}"}
    if stat.S_ISLNK(info.st_mode):
        return known | {"kind": "link", "target": str(path.readlink())}
    if stat.S_ISDIR(info.st_mode):
        return known | {"kind": "directory"}
    return known | {"kind": "file", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def values(root: Path, run: Run) -> dict[str, str]:
    """Return every live value: `sysctl:name`, `kernel:path`, `irq:name`, `nic:interface:section:name`."""
    found = {f"sysctl:{name}": text for name, text in _sysctls(root / "proc/sys")}
    for pattern in LIVE:
        for path in root.glob(pattern):
            if _writable(path) and (text := read(path)) is not None:
                found[f"kernel:/{path.relative_to(root)}"] = chosen(text)
    found |= {f"irq:{name}": text for name, (_, text) in irqs(root).items()}
    for interface in nics(root):
        for section, option in SECTIONS.items():
            status, output, _ = run(["ethtool", option, interface])
            for name, text in (ethtool(section, output) if status == 0 else {}).items():
                found[f"nic:{interface}:{section}:{name}"] = text
    return found


def _sysctls(base: Path) -> Iterator[tuple[str, str]]:
    for folder, _, names in os.walk(base):
        for name in names:
            path = Path(folder) / name
            # A dot in a part of the name (`eth0.7`) stands as a slash, as in sysctl.d(5).
            dotted = "/".join(path.relative_to(base).parts).translate(str.maketrans("./", "/."))
            if NOT_SYSCTL.fullmatch(dotted) or not _writable(path):
                continue
            if (text := read(path)) is not None:
                yield dotted, " ".join(text.split())


def _writable(path: Path) -> bool:
    """Whether root may read and write a kernel file; one that has gone meanwhile can't be."""
    both = stat.S_IRUSR | stat.S_IWUSR
    try:
        return path.stat().st_mode & both == both
    except OSError:
        return False


def read(path: Path) -> str | None:
    """Return a kernel file's text, None where it can't be read (an offline device answers with an error)."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def chosen(text: str) -> str:
    """Return the choice of a file that lists them, `madvise` of `always [madvise] never`; else the text."""
    match = re.search(r"\[([^\]]+)\]", text)
    return match[1] if match else text


def irqs(root: Path) -> dict[str, tuple[int, str]]:
    """Return `{name: (number, CPUs)}` of the interrupts that have a device's name; numbers change with a reboot."""
    found: dict[str, tuple[int, str]] = {}
    for path in (root / "proc/irq").glob("[0-9]*/smp_affinity_list"):
        names = sorted(child.name for child in path.parent.iterdir() if child.is_dir())
        if names and (text := read(path)) is not None:
            found[",".join(names)] = int(path.parent.name), text
    return found


def nics(root: Path) -> list[str]:
    """Return the network interfaces that have a device."""
    return sorted(path.parent.name for path in (root / "sys/class/net").glob("*/device"))


def ethtool(section: str, output: str) -> dict[str, str]:
    """Return the current settings that `ethtool -l`, `-g` or `-c` printed, by the option's name that sets them."""
    lines = output.splitlines()
    if section != "coalescing":
        start = next((number for number, line in enumerate(lines) if line.startswith("Current hardware")), len(lines))
        lines = lines[start + 1 :]
    found = {}
    for line in lines:
        name, colon, text = line.partition(":")
        name, text = name.strip().lower().replace(" ", "-"), text.strip()
        if colon and re.fullmatch(r"\d+", text):
            found[name] = text
    return found


def units(run: Run) -> dict[str, str]:
    """Return `{unit: active state}` of the units that somebody may enable: services, timers, sockets."""
    status, output, _ = run(["systemctl", "list-unit-files", "--no-legend", "--plain", "--type=service,timer,socket"])
    states = dict(line.split()[:2] for line in output.splitlines() if len(line.split()) >= 2) if status == 0 else {}
    ours = {name for name, state in states.items() if state in ("enabled", "disabled", "masked") and "@." not in name}
    status, output, _ = run(
        ["systemctl", "list-units", "--all", "--no-legend", "--plain", "--type=service,timer,socket"]
    )
    active = {line.split()[0]: line.split()[2] for line in output.splitlines() if len(line.split()) >= 4}
    return {name: "active" if active.get(name) == "active" else "inactive" for name in sorted(ours)}


def snapshot(root: Path, watched: list[str], run: Run) -> Snapshot:
    """Return all of it as it is now."""
    return {"files": files(root, watched), "values": values(root, run), "units": units(run)}
