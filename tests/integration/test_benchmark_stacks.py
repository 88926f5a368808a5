"""Every section of `make bench` at its smallest: real servers of both stacks, the same answers, nothing left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cift.benchmarks.stacks import __main__ as program
from cift.benchmarks.stacks.result import Part
from cift.benchmarks.stacks.sections import all_sections
from cift.benchmarks.stacks.setting import Setting, quick

#: What it builds and installs stays between runs, as for `make bench`.
ROOM = Path(__file__).parents[2] / ".state" / "bench"


@pytest.fixture
def setting() -> Setting:
    ROOM.mkdir(parents=True, exist_ok=True)
    return replace(quick(ROOM, print), seconds=0.5)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() - before == set()


def children() -> set[str]:
    """Whom this process started and who still runs."""
    found = Path("/proc/self/task").glob("*/children")
    return {pid for path in found for pid in path.read_text().split()}


def measure(name: str, setting: Setting) -> Part:
    return program.measured(all_sections()[name], setting)


def whole(part: Part, *claims: str) -> Part:
    """Nothing was left out, and every claim has its cases."""
    assert [(row.what, row.system, row.why) for row in part.rows if row.why] == []
    assert {case.claim for case in part.cases} == set(claims)
    assert all(len(row.runs) == 1 for row in part.rows)
    return part


def test_matching(setting: Setting) -> None:
    part = whole(measure("matching", setting), "matching", "risk", "vwap")
    notes = {row.system: row.note for row in part.rows if row.what.startswith("one operation, a call")}
    assert "same fills as ours" in notes["Python + Numba"]


def test_cache(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Debian 13's Valkey where `make bench` unpacked one."""
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{ROOM / 'debian-13'}")
    part = measure("cache", setting)
    systems = {row.system for row in part.rows if row.runs}
    assert {"Redis", "Redis, one a processor"} <= systems
    missing = {row.system: row.why for row in part.rows if row.why}
    assert all("is not installed here" in why for why in missing.values())
    # Two commands, in two ways each.
    assert len(part.cases) == 4 * sum(system.startswith(("Dragonfly", "Valkey")) for system in systems)


def test_serialization(setting: Setting) -> None:
    pytest.importorskip("msgpack", reason="cift[bench] is not installed")
    whole(measure("serialization", setting), "serialization")


def test_analytics(setting: Setting) -> None:
    part = whole(measure("analytics", setting), "analytics")
    assert len(part.cases) == 10


def test_messages(setting: Setting) -> None:
    for name in ("java", "mvn"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed: default-jre-headless, maven")
    whole(measure("messages", setting), "messages")
