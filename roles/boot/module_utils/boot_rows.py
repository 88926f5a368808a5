"""The verify report's rows on the boot: what the kernel was started with, and what that brought."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.boot_live import findings

GRUB = "https://www.gnu.org/software/grub/manual/grub/grub.html"
KERNEL = "https://docs.kernel.org/admin-guide/kernel-parameters.html"
VERDICTS = {"settled": "pass", "container": "skip", "restart": "reboot", "pending": "reboot", "armed": "reboot"}


def line(
    host: str, situation: str, why: str, wanted: str = "", proven: str | None = None, live: str = ""
) -> dict[str, Any]:
    """Return the row of the command line: persistent is the default entry's."""
    return {
        "host": host,
        "area": "boot",
        "setting": "kernel command line",
        "wanted": wanted,
        "persistent": proven,
        "live": live,
        "verdict": VERDICTS.get(situation, "fail"),
        "why": why,
        "source": GRUB,
    }


def brought(host: str, situation: str, words: list[str], root: Path = Path("/")) -> list[dict[str, Any]]:
    """Return a row for each argument whose effect the kernel shows; before its reboot nothing is expected of it."""
    rows = []
    for what, wanted, live in findings(words, root):
        verdict, why = "pass", "the kernel must have done what its command line says"
        if live is None:
            verdict, why = "skip", "this kernel does not show it"
        elif live != wanted:
            waiting = VERDICTS.get(situation) == "reboot"
            verdict, why = ("reboot", "waits for its reboot") if waiting else ("fail", why)
        rows.append({
            "host": host, "area": "boot", "setting": what, "wanted": wanted, "persistent": wanted, "live": live,
            "verdict": verdict, "why": why, "source": KERNEL,
        })  # fmt: skip
    return rows
