"""Entries of the table of artifacts: one build of one version, and the checksum that it must have."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

KINDS = ("wheel", "archive", "maven")
TABLE = "roles/artifact/vars/main.yml"


class ArtifactError(Exception):
    """An artifact that cannot be had; the message says what was found, what was expected and what to do."""


def entry(table: dict[str, Any], name: str, architecture: str) -> dict[str, Any]:
    """Return one build's entry, flat: name, version, architecture, kind, what its kind needs, and its checksum.

    The checksum is `sha256`, or where nobody could see it when the table was written, `checksums`: the publisher's own
    list, `{address, format}`.
    """
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
    flat |= (builds[architecture] or {}) | {"name": name, "architecture": architecture}
    if flat.get("kind") not in KINDS:
        raise ArtifactError(f"artifact {name}: kind is {flat.get('kind')!r}, expected one of {', '.join(KINDS)}")
    if "sha256" not in flat and "checksums" not in flat:
        raise ArtifactError(f"artifact {name}: found neither sha256 nor checksums, expected one of them in {TABLE}")
    if "sha256" in flat:
        check_digits(name, flat["sha256"])
    return flat


def check_digits(name: str, found: object) -> str:
    """Return a checksum that looks like one; raise ArtifactError at anything else."""
    digits = str(found).lower()
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise ArtifactError(f"artifact {name}: sha256 must be 64 hexadecimal digits, found {found!r}")
    return digits


def file_name(item: dict[str, Any]) -> str:
    """Return the name of the file at its source or mirror."""
    if item["kind"] == "wheel":
        stem = item["package"].replace("-", "_")
        return str(item.get("file") or f"{stem}-{item['version']}-py3-none-{item['platform']}.whl")
    if item["kind"] == "maven":
        return f"{item['package'].rpartition(':')[2]}-{item['version']}.jar"
    return str(item["address"]).format(**item).rsplit("/", 1)[-1]


def sha256(path: Path) -> str:
    """Return a file's sha256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, item: dict[str, Any]) -> None:
    """Raise ArtifactError unless the file has the entry's checksum."""
    found = sha256(path)
    if found != item["sha256"]:
        raise ArtifactError(
            f"artifact {item['name']} {item['version']} for {item['architecture']}: {path.name} has sha256 {found}, "
            f"expected {item['sha256']} ({item.get('said_by', TABLE)}); nothing was installed. Find out why they "
            "differ before you correct the table: the file may have been cut short or tampered with"
        )
