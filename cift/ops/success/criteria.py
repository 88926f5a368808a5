"""The migration guide's eight success criteria, each with its value, its evidence and its verdict."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from cift.benchmarks.console import figure, limit
from cift.ops.report.model import Report
from cift.ops.report.reading import read_report

Verdict = Literal["met", "not met", "unknown"]
#: The guide asks for a day.
SOAK_HOURS = 24.0
#: pytest and Molecule tell this file that the tests passed: see `make test`.
TESTS = Path(".state") / "tests-passed.json"


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One of the eight: what was found, the file that shows it, and what to run where nobody knows."""

    number: int
    title: str
    verdict: Verdict
    found: str
    evidence: str = ""
    todo: str = ""


class TestsPassed(msgspec.Struct, frozen=True, kw_only=True):
    """.state/tests-passed.json: when `make test` came to its end, and on which commit."""

    when: str
    commit: str


def criteria(root: Path, inventory: str) -> list[Criterion]:
    """Judge the inventory by its newest run of each kind."""
    found = Evidence(root, inventory)
    targets = [
        ("matching", "Order matching below 10 us (p99)"),
        ("messages", "NATS messages below 1 ms (p95)"),
        ("analytics", "ClickHouse queries below 100 ms for complex analytics"),
        ("cache", "Cache above 2 million operations a second"),
    ]
    return [
        _services(found),
        _core(found),
        *(_figure(found, number, key, title) for number, (key, title) in enumerate(targets, 3)),
        _tests(root),
        _soak(found),
    ]


class Evidence:
    """The newest report folder of an inventory that holds each kind of file."""

    def __init__(self, root: Path, inventory: str) -> None:
        self.root, self.inventory = root, inventory
        reports = root / "reports" / inventory
        # Those of `cift`, by time, and the one of playbooks that somebody ran by themselves.
        self.folders = [*sorted(reports.glob("2*Z"), reverse=True), *reports.glob("latest-manual")]

    def newest(self, pattern: str) -> tuple[Path, Report] | None:
        """Return the folder with the newest such file, and what it says."""
        files = {folder: [file.stat().st_mtime for file in folder.glob(pattern)] for folder in self.folders}
        holding = [folder for folder, times in files.items() if times]
        if not holding:
            return None
        folder = max(holding, key=lambda each: max(files[each]))
        return folder, read_report(folder, self.inventory)

    def where(self, folder: Path) -> str:
        """Return a folder as people name it."""
        return str(folder.relative_to(self.root))


def _services(found: Evidence) -> Criterion:
    title, todo = "All services start and pass their health checks", f"cift up -i {found.inventory}"
    newest = found.newest("services.json")
    if newest is None or (services := newest[1].services) is None:
        return Criterion(number=1, title=title, verdict="unknown", found="no run looked", todo=todo)
    down = [host.host for host in services.health if host.status != "up"]
    well = sum(len(host.dependencies) + 1 for host in services.health)
    says = f"down on {', '.join(down)}" if down else f"{well} services up on {len(services.health)} host(s)"
    return _judged(1, title, not down and bool(services.health), says, found.where(newest[0] / "services.json"), todo)


def _core(found: Evidence) -> Criterion:
    title, todo = "The Rust core loads", f"cift benchmark -i {found.inventory}"
    newest = found.newest("benchmark-*.json")
    if newest is None:
        return Criterion(number=2, title=title, verdict="unknown", found="no run measured", todo=todo)
    folder, report = newest
    without = [host.host for host in report.benchmark if "cift_core" not in host.versions]
    built = {f"{each.versions.get('cift_core')} for {each.versions.get('cift_core target-cpu')}" for each in
             report.benchmark}  # fmt: skip
    says = f"missing on {', '.join(without)}" if without else f"cift_core {', '.join(sorted(built))}"
    return _judged(2, title, not without, says, found.where(folder), todo)


def _figure(found: Evidence, number: int, key: str, title: str) -> Criterion:
    todo = f"cift benchmark -i {found.inventory}"
    newest = found.newest("benchmark-*.json")
    rows = [row for host in newest[1].benchmark for row in host.rows if row.key == key] if newest else []
    if newest is None or not rows:
        return Criterion(number=number, title=title, verdict="unknown", found="not measured", todo=todo)
    guide = GUIDE[key]
    worst: list[str] = []
    good = True
    for row in rows:
        measured = getattr(row, guide.metric)
        if measured is None:
            return Criterion(number=number, title=title, verdict="unknown", found=f"skipped: {row.why}", todo=todo)
        good = good and guide.reached(measured)
        worst.append(figure(measured, row.unit))
    says = f"{', '.join(worst)}; asked {guide.words} {limit(guide.value, rows[0].unit)}"
    return _judged(number, title, good, says, found.where(newest[0]), todo)


class Guide(msgspec.Struct, frozen=True):
    """A figure of the guide, the same for every inventory."""

    metric: str
    value: float
    words: str
    reached: Callable[[float], bool]


GUIDE = {
    "matching": Guide("p99", 10.0, "below", lambda us: us < 10.0),
    "messages": Guide("p95", 1.0, "below", lambda ms: ms < 1.0),
    "analytics": Guide("p95", 100.0, "below", lambda ms: ms < 100.0),
    "cache": Guide("value", 2e6, "above", lambda rate: rate > 2e6),
}


def _tests(root: Path) -> Criterion:
    title, todo = "All integration tests pass", "make test"
    try:
        passed = msgspec.json.decode((root / TESTS).read_bytes(), type=TestsPassed)
    except (OSError, msgspec.DecodeError):
        return Criterion(number=7, title=title, verdict="unknown", found="not run in this checkout", todo=todo)
    head = _head(root)
    says = f"passed at {passed.when} on commit {passed.commit[:12]}"
    if head != passed.commit:
        says += f"; the checkout is at {head[:12] or 'no commit'}"
    return _judged(7, title, head == passed.commit, says, str(TESTS), todo)


def _head(root: Path) -> str:
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    return said.stdout.strip()


def _soak(found: Evidence) -> Criterion:
    title = "Stable for 24 hours"
    todo = f"ansible-playbook playbooks/soak.yml -i inventories/{found.inventory} -e duration=24h"
    newest = found.newest("soak-*.json")
    if newest is None:
        return Criterion(number=8, title=title, verdict="unknown", found="no soak ran", todo=todo)
    folder, report = newest
    problems = [f"{soak.host}: {problem}" for soak in report.soak for problem in soak.problems]
    hours = min(soak.hours for soak in report.soak)
    says = f"{hours:.1f} h under load, " + ("; ".join(problems) or "nothing leaked or drifted")
    return _judged(8, title, not problems and hours >= SOAK_HOURS, says, found.where(folder), todo)


def _judged(number: int, title: str, good: bool, found: str, evidence: str, todo: str) -> Criterion:
    return Criterion(
        number=number,
        title=title,
        verdict="met" if good else "not met",
        found=found,
        evidence=evidence,
        todo="" if good else todo,
    )
