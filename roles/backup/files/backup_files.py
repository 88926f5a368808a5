"""Folders of configuration, certificates and state: `paths`. They are unpacked into a folder of their own, `into`;
with `replace` over the live ones too, which are copied beside that folder first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any, BinaryIO


def count(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return files and a hash of each folder."""
    found = {}
    for path in order["paths"]:
        rows, digest = 0, hashlib.sha256()
        for file in sorted(one for one in Path(path).rglob("*") if one.is_file() and one.suffix != ".part"):
            with contextlib.suppress(FileNotFoundError):
                digest.update(str(file).encode() + hashlib.sha256(file.read_bytes()).digest())
                rows += 1
        found[path] = {"rows": rows, "hash": digest.hexdigest()}
    return found


def save(order: dict[str, Any], out: BinaryIO) -> None:
    """Write the folders that are there as one tar, with owners and modes.

    Not with tar(1): it fails where a file comes or goes in a folder that it reads, and an archive of WAL never rests.
    """
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        for path in (Path(one) for one in order["paths"]):
            for one in [path, *sorted(path.rglob("*"))]:
                if one.suffix != ".part":
                    _add(archive, one)


def _add(archive: tarfile.TarFile, path: Path) -> None:
    """Add one file, or nothing where it has gone since it was listed."""
    with contextlib.suppress(FileNotFoundError):
        archive.add(path, recursive=False)


def unpack(order: dict[str, Any], source: BinaryIO) -> None:
    """Unpack into an empty folder, which has its name when it is whole."""
    into = Path(order["into"])
    part = into.with_name(f".{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    subprocess.run(["tar", "-x", "-p", "-C", str(part), "--numeric-owner"], stdin=source, check=True)
    shutil.rmtree(into, ignore_errors=True)
    part.rename(into)


def replace(order: dict[str, Any], source: BinaryIO) -> None:
    """Copy the live files to a folder beside, and unpack over them; only what is in the archive is touched."""
    into = Path(order["into"])
    before = into.with_name(f"{into.name}.before-{time.strftime('%Y%m%dT%H%M%S')}")
    before.mkdir(mode=0o700)
    files = [one for one in into.rglob("*") if not one.is_dir() or one.is_symlink()]
    for file in files:
        live = Path("/") / file.relative_to(into)
        if live.exists() or live.is_symlink():
            subprocess.run(
                ["cp", "-a", "--parents", "--", os.path.relpath(live, "/"), str(before)], cwd="/", check=True
            )
    subprocess.run(["tar", "-x", "-p", "-C", "/", "--numeric-owner"], stdin=source, check=True)
