"""A folder with every artifact and their checksums: what `cift_artifact_mirror` points to."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from cift.ops.artifacts.table import Item
from cift.ops.rooms import room


def fetch(item: Item, folder: Path, progress: Callable[[int, int], None]) -> tuple[Path, bool]:
    """Have a build in the folder and its checksum in the folder's list; returns its path, and whether it came anew.

    Raises the room's ArtifactError, and leaves the folder as it was, if it can't be had or has another checksum.
    """
    source, table = room("artifact", "artifact_source"), room("artifact", "artifact_table")
    target = folder / table.file_name(item)
    if "sha256" not in item and target.exists():
        known = sums(folder).get(target.name)
        if known is not None:
            item |= {"sha256": known, "said_by": str(folder / source.SUMS)}
    if "sha256" in item and target.exists() and table.sha256(target) == item["sha256"]:
        fresh = False
    else:
        cache = folder / ".cache"
        path, _ = source.fetch(item, cache, "", progress)
        path.replace(target)
        shutil.rmtree(cache)
        fresh = True
    _write_sums(folder, {**sums(folder), target.name: item["sha256"]})
    return target, fresh


def sums(folder: Path) -> dict[str, str]:
    """Return the checksums that the folder's list has, by file name; none if there is no list."""
    source = room("artifact", "artifact_source")
    path = folder / source.SUMS
    return dict(source.read_sums(path.read_text())) if path.exists() else {}


def _write_sums(folder: Path, found: dict[str, str]) -> None:
    path = folder / room("artifact", "artifact_source").SUMS
    draft = path.with_suffix(".draft")
    draft.write_text("".join(f"{digits}  {name}\n" for name, digits in sorted(found.items())))
    draft.replace(path)


def problem(item: Item, folder: Path) -> str | None:
    """Return what is wrong with a build in the folder, or None."""
    table = room("artifact", "artifact_table")
    path = folder / table.file_name(item)
    if not path.exists():
        return "missing; fetch it with 'cift artifacts fetch'"
    listed = sums(folder).get(path.name)
    wanted = item.get("sha256") or listed
    if wanted is None:
        return f"no checksum in {folder / 'SHA256SUMS'}, expected one; fetch it again"
    if listed != wanted:
        return f"SHA256SUMS says {listed}, expected {wanted}"
    found = table.sha256(path)
    return None if found == wanted else f"sha256 {found}, expected {wanted}; remove it and fetch it again"


def chosen(items: Sequence[Item], names: Sequence[str], architectures: Sequence[str]) -> list[Item]:
    """Return the builds with these names and architectures (none given: all); raises ValueError at an unknown one."""
    for what, wanted, key in (("artifact", names, "name"), ("architecture", architectures, "architecture")):
        known = sorted({str(item[key]) for item in items})
        if unknown := [name for name in wanted if name not in known]:
            raise ValueError(f"{what} {unknown[0]!r} is unknown; expected one of {', '.join(known)}")
    return [
        item
        for item in items
        if (not names or item["name"] in names) and (not architectures or item["architecture"] in architectures)
    ]
