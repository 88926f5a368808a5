"""What is installed on a host, with versions and checksums: releases, artifacts, packages."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

Item = dict[str, str]
#: What a release, and what a downloaded artifact, leaves in its own folder.
RELEASE, ARTIFACT = "release.json", "artifact.json"


def installed(root: Path) -> list[Item]:
    """Return releases and artifacts below `root`, then every Debian package; each with kind, name, version, sha256.

    The checksum is that of the archive or package that was installed; empty where the host can't tell it any more.

    Raises:
        OSError: dpkg-query is missing or fails.
    """
    return [*sorted(_unpacked(root), key=lambda item: (item["kind"], item["name"])), *packages()]


def _unpacked(root: Path) -> Iterator[Item]:
    for current in root.glob("*/current"):
        for kind, file, checksum in (("release", RELEASE, "archive_sha256"), ("artifact", ARTIFACT, "sha256")):
            try:
                found = json.loads((current / file).read_text())
                yield _item(kind, current.parent.name, str(found["version"]), str(found[checksum]))
            except (OSError, ValueError, KeyError):
                continue  # of the other kind, or none of ours


def packages() -> list[Item]:
    """Return the installed packages in the order of their names.

    dpkg keeps no checksum of the package itself: the index that it came from has it, while it has that version.
    """
    listed = _run("dpkg-query", "--show", "--showformat=${db:Status-Status}\t${Package}\t${Architecture}\t${Version}\n")
    here = [line.split("\t")[1:] for line in listed.splitlines() if line.startswith("installed\t")]
    known = checksums([f"{name}:{architecture}={version}" for name, architecture, version in here])
    return [_item("package", name, version, known.get((name, version), "")) for name, _, version in sorted(here)]


def checksums(wanted: list[str]) -> dict[tuple[str, str], str]:
    """Return by name and version the SHA-256 that apt's index has of packages named as name:architecture=version."""
    try:
        shown = _run("apt-cache", "show", "--no-all-versions", *wanted, partly=True)
    except OSError:
        return {}
    found = {}
    for paragraph in shown.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if {"Package", "Version", "SHA256"} <= fields.keys():
            found[fields["Package"], fields["Version"]] = fields["SHA256"]
    return found


def _item(kind: str, name: str, version: str, sha256: str) -> Item:
    return {"kind": kind, "name": name, "version": version, "sha256": sha256}


def _run(*argv: str, partly: bool = False) -> str:
    """Return what a program prints; with `partly` also when it could not say all."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode and not partly:
        raise OSError(f"{argv[0]}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout
