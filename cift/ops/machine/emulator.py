"""The emulator: the machine's own qemu if it knows the igb network card, else Debian 13's, unpacked into the cache.

igb is the card nearest to those of trading hosts: channels, rings and coalescing can be set. qemu has it since 8.0;
Debian 12 has 7.2. The unpacked one runs by its own dynamic loader and touches nothing of the machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cift.ops.sandbox import unpacked
from cift.ops.sandbox.commands import run
from cift.ops.sandbox.unpacked import Tree

PACKAGES = ("qemu-system-x86", "qemu-utils", "seabios")
CARD = 'name "igb"'


@dataclass(frozen=True)
class Emulator:
    """How to call qemu; `root` is the folder it was unpacked to, or None for the machine's own."""

    root: Path | None = None

    def _tool(self, name: str) -> list[str]:
        return [name] if self.root is None else Tree(self.root).command(name)

    @property
    def system(self) -> list[str]:
        """`qemu-system-x86_64`, told where its firmware is."""
        if self.root is None:
            return self._tool("qemu-system-x86_64")
        share = self.root / "usr/share"
        return [*self._tool("qemu-system-x86_64"), "-L", str(share / "seabios"), "-L", str(share / "qemu")]

    @property
    def image(self) -> list[str]:
        """`qemu-img`."""
        return self._tool("qemu-img")

    def version(self) -> str:
        """The first line of what `--version` says."""
        return run([*self._tool("qemu-system-x86_64"), "--version"]).stdout.splitlines()[0]


def ensure(cache: Path, say: Callable[[str], None]) -> Emulator:
    """An emulator with the igb card (25 s and 170 MB the first time, where the machine's own lacks it).

    Raises:
        SandboxError: there is none, and the machine's package sources have none for Debian 13.
    """
    own = Emulator()
    if shutil.which("qemu-system-x86_64") and shutil.which("qemu-img") and has_card(own):
        return own
    return Emulator(unpacked.ensure(cache, "qemu", PACKAGES, say).root)


def has_card(emulator: Emulator) -> bool:
    """Whether this qemu knows the igb card."""
    return CARD in run([*emulator.system, "-device", "help"], check=False).stdout
