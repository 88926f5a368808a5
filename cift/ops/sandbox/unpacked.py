"""Programs of a newer Debian than the machine's: unpacked into a cache, run by their own dynamic loader.

They touch nothing of the machine. `python -m cift.ops.sandbox.unpacked PROGRAM FOLDER` puts a script of the program's
name into a folder, for a PATH: `make bench` has Valkey by it where the machine's own release has none.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from cift.ops.sandbox import base
from cift.ops.sandbox.base import Say
from cift.ops.sandbox.errors import SandboxError

RELEASE = "trixie"
LIBRARIES = Path("usr/lib/x86_64-linux-gnu")


@dataclass(frozen=True)
class Tree:
    """The folder that packages and all that they need were unpacked to."""

    root: Path

    def command(self, name: str) -> list[str]:
        """How to call one of its programs."""
        libraries = self.root / LIBRARIES
        loader = str(libraries / "ld-linux-x86-64.so.2")
        return [loader, "--library-path", str(libraries), str(self.root / "usr/bin" / name)]


def ensure(cache: Path, name: str, packages: tuple[str, ...], say: Say) -> Tree:
    """Unpack packages of Debian 13, once: `name` and a fingerprint are the tree's name in the cache.

    Raises:
        SandboxError: the machine's package sources have none for Debian 13.
    """

    def unpack(draft: Path) -> Path:
        say(f"unpacking {', '.join(packages)} of Debian 13: this machine's own release has none that fits")
        base.bootstrap(draft, RELEASE, packages, say, variant="extract")
        return draft / "root"

    cache.mkdir(parents=True, exist_ok=True)
    return Tree(base.cached(cache, f"{name}-{base.fingerprint(RELEASE, packages)}", unpack, say))


def main(arguments: list[str]) -> int:
    """Write the script; return 2 on bad arguments, 1 if the package can't be had."""
    if len(arguments) != 2:
        print("usage: python -m cift.ops.sandbox.unpacked PROGRAM FOLDER", file=sys.stderr)
        return 2
    name, folder = arguments[0], Path(arguments[1]).resolve()
    try:
        tree = ensure(folder / "trees", name, (name,), print)
    except SandboxError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    script = folder / name
    script.write_text(f'#!/bin/sh\nexec {shlex.join(tree.command(name))} "$@"\n')
    script.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
