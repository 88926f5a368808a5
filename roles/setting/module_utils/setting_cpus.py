"""Sets of CPUs as the kernel writes them: lists (`0-3,8`) and hexadecimal masks (`00000001,0000000f`)."""

from __future__ import annotations

from collections.abc import Iterable


def parse_list(text: str) -> frozenset[int]:
    """Return the CPUs of a list; commas and blanks part its runs. Raises ValueError on anything else."""
    found: set[int] = set()
    for run in text.replace(",", " ").split():
        first, _, last = run.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def cpus_of(value: object) -> frozenset[int]:
    """Return the CPUs of a table's value: a list of numbers, or a text as the kernel writes it."""
    return frozenset(int(cpu) for cpu in value) if isinstance(value, list) else parse_list(str(value))


def parse_mask(text: str) -> frozenset[int]:
    """Return the CPUs of a mask in words of 32 bits, the last of which has the lowest CPUs."""
    bits = 0
    for word in text.strip().split(","):
        bits = bits << 32 | int(word, 16)
    return frozenset(bit for bit in range(bits.bit_length()) if bits >> bit & 1)


def format_list(cpus: Iterable[int]) -> str:
    """Return CPUs as a list: `[0, 1, 2, 8]` becomes `0-2,8`."""
    runs: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if runs and cpu == runs[-1][1] + 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def format_mask(cpus: Iterable[int]) -> str:
    """Return CPUs as a mask, in words of 32 bits as the kernel wants them."""
    bits = sum(1 << cpu for cpu in set(cpus))
    words = []
    while bits or not words:
        words.append(f"{bits & 0xFFFFFFFF:08x}")
        bits >>= 32
    return ",".join(reversed(words))
