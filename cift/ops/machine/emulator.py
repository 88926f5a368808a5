"""The emulator: the machine's own qemu if it knows the igb network card, else Debian 13's, unpacked into the cache.

igb is the card nearest to those of trading hosts: channels, rings and coalescing can be set. qemu has it since 8.0;
Debian 12 has 7.2. The unpacked one runs by its own dynamic loader and touches nothing of the machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cift.ops.sandbox import base
from cift.ops.sandbox.commands import run

RELEASE = "trixie"
PACKAGES = ("qemu-system-x86", "qemu-utils", "seabios")
CARD = 'name "igb"'
LIBRARIES = Path("usr/lib/x86_64-linux-gnu")


@dataclass(frozen=True)
class Emulator:
    """How to call qemu; `root` is the folder it was unpacked to, or None for the machine's own."""

    root: Path | None = None

    def _tool(self, name: str) -> list[str]:
        if self.root is None:
            return [name]
        libraries = self.root / LIBRARIES
        return [
            str(libraries / "ld-linux-x86-64.so.2"),
            "--library-path",
            str(libraries),
            str(self.root / "usr/bin" / name),
        ]

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

    def unpack(draft: Path) -> Path:
        say(f"unpacking {', '.join(PACKAGES)} of Debian 13: this machine has no qemu with the igb card")
        base.bootstrap(draft, RELEASE, PACKAGES, say, variant="extract")
        return draft / "root"

    return Emulator(base.cached(cache, f"qemu-{base.fingerprint(RELEASE, PACKAGES)}", unpack, say))


def has_card(emulator: Emulator) -> bool:
    """Whether this qemu knows the igb card."""
    return CARD in run([*emulator.system, "-device", "help"], check=False).stdout
