"""The kernel's notation for sets of CPUs: `0-3,8` and hexadecimal masks in words of 32 bits."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby


def format_cpus(cpus: Iterable[int]) -> str:
    """Return CPUs as the kernel's list: `[0, 1, 2, 8]` becomes `0-2,8`."""
    ordered = sorted(set(cpus))
    runs = (list(run) for _, run in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]))
    return ",".join(str(run[0][1]) if len(run) == 1 else f"{run[0][1]}-{run[-1][1]}" for run in runs)


def parse_mask(mask: str) -> frozenset[int]:
    """Return the CPUs of a mask such as `0x00ff00ff` or `0x1,0x00000000`; the last word holds the lowest CPUs.

    Raises:
        ValueError: a word is not hexadecimal. hwloc's infinite sets (`0xf...f`) are refused as well.
    """
    bits = 0
    for word in mask.split(","):
        bits = bits << 32 | (int(word, 16) if word else 0)
    return frozenset(bit for bit in range(bits.bit_length()) if bits >> bit & 1)
