"""Entries of the table of artifacts: one build of one version, and the checksum that it must have."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

KINDS = ("wheel", "archive")
TABLE = "roles/artifact/vars/main.yml"


class ArtifactError(Exception):
    """An artifact that cannot be had; the message says what was found, what was expected and what to do."""


def entry(table: dict[str, Any], name: str, architecture: str) -> dict[str, Any]:
    """Return one build's entry, flat: name, version, architecture, kind, sha256 and what its kind needs."""
    if name not in table:
        raise ArtifactError(f"artifact {name!r} is not in {TABLE}; it has {', '.join(sorted(table))}")
    item = table[name]
    builds = item.get("builds", {})
    if architecture not in builds:
        known = ", ".join(sorted(builds))
        raise ArtifactError(
            f"artifact {name} {item['version']} has no build for {architecture} in {TABLE}, only {known}"
        )
    flat = {key: value for key, value in item.items() if key != "builds"}
    flat |= builds[architecture] | {"name": name, "architecture": architecture}
    if flat.get("kind") not in KINDS:
        raise ArtifactError(f"artifact {name}: kind is {flat.get('kind')!r}, expected one of {', '.join(KINDS)}")
    if len(str(flat.get("sha256", ""))) != 64:
        raise ArtifactError(f"artifact {name}: sha256 must be 64 hexadecimal digits, found {flat.get('sha256')!r}")
    return flat


def sha256(path: Path) -> str:
    """Return a file's sha256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, item: dict[str, Any]) -> None:
    """Raise ArtifactError unless the file has the table's checksum."""
    found = sha256(path)
    if found != item["sha256"]:
        raise ArtifactError(
            f"artifact {item['name']} {item['version']} for {item['architecture']}: {path.name} has sha256 {found}, "
            f"expected {item['sha256']} ({TABLE}); nothing was installed. Find out why they differ before you "
            "correct the table: the file may have been tampered with"
        )
