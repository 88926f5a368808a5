"""Mounts: the hosts' overlays, and the removal of whatever is mounted at or below a path."""

from __future__ import annotations

import codecs
from pathlib import Path

from cift.ops.sandbox.commands import run
from cift.ops.sandbox.errors import SandboxError


def mounted(below: Path) -> list[Path]:
    """Mount points at a path or below it, innermost and latest first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = Path(codecs.decode(line.split()[4], "unicode_escape"))
        if point == below or below in point.parents:
            points.append(point)
    return points[::-1]


def overlay(lower: Path, folder: Path) -> Path:
    """Mount `folder/root`: the base tree with the host's own changes (`folder/upper`) on top. Twice is once."""
    root = folder / "root"
    if root in mounted(root):
        return root
    for part in ("upper", "work", "root"):
        (folder / part).mkdir(exist_ok=True)
    (folder / "upper").chmod(0o755)
    options = f"lowerdir={lower},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    run(["mount", "-t", "overlay", "overlay", "-o", options, root])
    return root


def release(below: Path) -> None:
    """Unmount everything at a path and below it.

    Raises:
        SandboxError: something stays mounted.
    """
    for point in mounted(below):
        # A folder that somebody's shell stands in is still unmounted: it goes away when they leave.
        if run(["umount", point], check=False).returncode != 0:
            run(["umount", "--lazy", point], check=False)
    if left := mounted(below):
        raise SandboxError(f"{left[0]} stays mounted; see 'fuser -vm {left[0]}', then try again")


def uses(lower: Path) -> bool:
    """Whether an overlay of the machine stands on this tree."""
    return any(f"lowerdir={lower}," in line for line in Path("/proc/self/mounts").read_text().splitlines())
