"""Whether the kernel did what its command line asked for: not the words alone, but what they brought."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

Finding = tuple[str, str, str | None]
"""What is looked at, what was asked for, and what is there (None where this kernel doesn't show it)."""

SIZES = {"K": 1, "M": 1024, "G": 1024 * 1024}


def cpus(text: str) -> set[int]:
    """Return the CPUs of a kernel list such as `1-3,8`."""
    found: set[int] = set()
    for part in text.strip().split(","):
        if match := re.fullmatch(r"(\d+)(?:-(\d+))?", part):
            found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return found


def listed(found: set[int]) -> str:
    """Return CPUs as a kernel list."""
    parts: list[list[int]] = []
    for cpu in sorted(found):
        if parts and parts[-1][1] == cpu - 1:
            parts[-1][1] = cpu
        else:
            parts.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def masked(text: str) -> set[int]:
    """Return the CPUs of a hexadecimal mask such as `ff,00000001`."""
    value = int(text.strip().replace(",", "") or "0", 16)
    return {cpu for cpu in range(value.bit_length()) if value >> cpu & 1}


def findings(words: list[str], root: Path = Path("/")) -> list[Finding]:
    """Return what each known argument asked for, and what the kernel shows of it."""
    found: list[Finding] = []
    for word in words:
        name, _, value = word.partition("=")
        if name in _READERS:
            found.append(_READERS[name](value, root))
    return found + _hugepages(words, root)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None


def _cpu_file(name: str, title: str) -> Callable[[str, Path], Finding]:
    def read(value: str, root: Path) -> Finding:
        # isolcpus begins with flags: `managed_irq,domain,1-3`.
        wanted = {cpu for part in value.split(",") for cpu in cpus(part)}
        text = _read(root / "sys/devices/system/cpu" / name)
        shown = None if text is None else listed(cpus(text)) if text not in ("", "(null)") else "none"
        return title, listed(wanted), shown

    return read


def _irqaffinity(value: str, root: Path) -> Finding:
    text = _read(root / "proc/irq/default_smp_affinity")
    return "default CPUs of interrupts", listed(cpus(value)), None if text is None else listed(masked(text))


def _huge(value: str, root: Path) -> Finding:
    text = _read(root / "sys/kernel/mm/transparent_hugepage/enabled")
    match = re.search(r"\[(\w+)\]", text or "")
    return "transparent huge pages", value, match[1] if match else None


_READERS: dict[str, Callable[[str, Path], Finding]] = {
    "isolcpus": _cpu_file("isolated", "isolated CPUs"),
    "nohz_full": _cpu_file("nohz_full", "CPUs without ticks"),
    "irqaffinity": _irqaffinity,
    "transparent_hugepage": _huge,
}


def _hugepages(words: list[str], root: Path) -> list[Finding]:
    """Pages per node and size; `hugepages=` belongs to the `hugepagesz=` before it, else to the default size.

    More pages than asked for are fine: a service or a drop-in may have taken some at run time.
    """
    size = next((_kib(word.partition("=")[2]) for word in words if word.startswith("default_hugepagesz=")), 2048)
    found = []
    for word in words:
        name, _, value = word.partition("=")
        if name == "hugepagesz":
            size = _kib(value)
        elif name == "hugepages" and ":" in value:
            for part in value.split(","):
                node, _, count = part.partition(":")
                path = f"sys/devices/system/node/node{node}/hugepages/hugepages-{size}kB/nr_hugepages"
                text = _read(root / path)
                enough = text is not None and int(text) >= int(count)
                found.append((f"huge pages of {size} kB on node {node}", count, count if enough else text or "0"))
        elif name == "hugepages":
            text = _read(root / f"sys/kernel/mm/hugepages/hugepages-{size}kB/nr_hugepages")
            enough = text is not None and int(text) >= int(value)
            found.append((f"huge pages of {size} kB", value, value if enough else text or "0"))
    return found


def _kib(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    return int(match[1]) * SIZES[match[2] or "K"] if match else 2048
