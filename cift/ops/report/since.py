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

    def of(self, host: str) -> Since:
        """Return one host's differences."""
        return Since(
            run=self.run,
            figures={name: changes for name, changes in self.figures.items() if name == host},
            checks=[moved for moved in self.checks if moved.host == host],
            versions=[moved for moved in self.versions if moved.host == host],
        )


class _Row(msgspec.Struct, frozen=True):
    host: str
    area: str
    setting: str
    verdict: str


class _Installed(msgspec.Struct, frozen=True):
    name: str
    version: str


class _Checks(msgspec.Struct, frozen=True):
    host: str
    rows: list[_Row] = []
    installed: list[_Installed] = []


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
    old_checks, new_checks = _checks(before), _checks(folder)
    versions = _moved(_measured(old), _measured(new)) + _moved(_installed(old_checks), _installed(new_checks))
    return Since(
        run=before.name,
        figures={host: compare(old[host], new[host], TOLERANCE) for host in both},
        checks=_moved(_verdicts(old_checks), _verdicts(new_checks)),
        versions=versions,
    )


def _results(folder: Path) -> dict[str, Result]:
    found = (_decoded(path, Result) for path in sorted(folder.glob("benchmark-*.json")))
    return {result.host: result for result in found if result is not None and "class" in result.hardware}


def _measured(results: dict[str, Result]) -> dict[tuple[str, str], str]:
    """Return by host and name the versions of what was measured."""
    return {(host, name): version for host, found in results.items() for name, version in found.versions.items()}


def _checks(folder: Path) -> list[_Checks]:
    files = (_decoded(path, _Checks) for path in sorted(folder.glob("verify-*.json")))
    return [file for file in files if file is not None]


def _verdicts(files: list[_Checks]) -> dict[tuple[str, str], str]:
    return {(row.host, f"{row.area}: {row.setting}"): row.verdict for file in files for row in file.rows}


def _installed(files: list[_Checks]) -> dict[tuple[str, str], str]:
    return {(file.host, each.name): each.version for file in files for each in file.installed}


def _moved(old: dict[tuple[str, str], str], new: dict[tuple[str, str], str]) -> list[Moved]:
    both = {host for host, _ in old} & {host for host, _ in new}  # of others one of the runs knows nothing
    return [
        Moved(host=host, what=what, before=old.get((host, what), ""), after=new.get((host, what), ""))
        for host, what in sorted(old.keys() | new.keys())
        if host in both and old.get((host, what)) != new.get((host, what))
    ]


def _decoded(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
