"""Folders of configuration, certificates and state: `paths`. They are saved, and unpacked by hand or by site.yml."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any, BinaryIO


def count(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return files and a hash of each folder."""
    found = {}
    for path in order["paths"]:
        rows, digest = 0, hashlib.sha256()
        for file in sorted(one for one in Path(path).rglob("*") if one.is_file() and one.suffix != ".part"):
            rows += 1
            digest.update(str(file).encode() + hashlib.sha256(file.read_bytes()).digest())
        found[path] = {"rows": rows, "hash": digest.hexdigest()}
    return found


def save(order: dict[str, Any], out: BinaryIO) -> None:
    """Write the folders that are there as one tar, with owners and modes."""
    paths = [os.path.relpath(path, "/") for path in order["paths"] if Path(path).exists()]
    subprocess.run(
        ["tar", "-c", "-C", "/", "--numeric-owner", "--exclude=*.part", "--", *paths], stdout=out, check=True
    )
