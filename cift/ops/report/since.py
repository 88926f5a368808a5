"""What is different from the run before: figures, checks, versions."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from cift.benchmarks.change import Change
from cift.benchmarks.compare import compare
from cift.benchmarks.measure import Result

T = TypeVar("T")
#: Below a tenth nobody needs to look.
TOLERANCE = 0.1


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A check or a version that was one thing and is another now; empty where there was or is none."""

    host: str
    what: str
    before: str
    after: str


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """The differences from the run in folder `run`."""

    run: str
    figures: dict[str, list[Change]] = {}
    checks: list[Moved] = []
    versions: list[Moved] = []


class _Row(msgspec.Struct, frozen=True):
    host: str
    area: str
    setting: str
    verdict: str


class _Checks(msgspec.Struct, frozen=True):
    rows: list[_Row] = []


def since_the_last(folder: Path) -> Since | None:
    """Return what differs from the run before the one in `folder`; None if there is none.

    A file that an older release wrote otherwise is left out: it must not keep a new report from being written.
    """
    earlier = sorted(each for each in folder.parent.glob("2*Z") if each.name < folder.name and any(each.glob("*.json")))
    if not earlier:
        return None
    before = earlier[-1]
    old, new = _results(before), _results(folder)
    both = [host for host in new if host in old and old[host].kind == new[host].kind]
    versions = [
        Moved(host=host, what=name, before=old[host].versions.get(name, ""), after=new[host].versions.get(name, ""))
        for host in new
        if host in old
        for name in sorted(old[host].versions.keys() | new[host].versions.keys())
        if old[host].versions.get(name) != new[host].versions.get(name)
    ]
    return Since(
        run=before.name,
        figures={host: compare(old[host], new[host], TOLERANCE) for host in both},
        checks=_moved(_verdicts(before), _verdicts(folder)),
        versions=versions,
    )


def _results(folder: Path) -> dict[str, Result]:
    found = (_decoded(path, Result) for path in sorted(folder.glob("benchmark-*.json")))
    return {result.host: result for result in found if result is not None and "class" in result.hardware}


def _verdicts(folder: Path) -> dict[tuple[str, str], str]:
    files = (_decoded(path, _Checks) for path in sorted(folder.glob("verify-*.json")))
    return {(row.host, f"{row.area}: {row.setting}"): row.verdict for file in files if file for row in file.rows}


def _moved(old: dict[tuple[str, str], str], new: dict[tuple[str, str], str]) -> list[Moved]:
    if not old or not new:
        return []  # one of the runs read nothing back
    return [
        Moved(host=host, what=what, before=old.get((host, what), ""), after=new.get((host, what), ""))
        for host, what in sorted(old.keys() | new.keys())
        if old.get((host, what)) != new.get((host, what))
    ]


def _decoded(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
