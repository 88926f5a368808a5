"""The units of our services as systemd judges them: what each could still do if it were taken over."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_render import evaluate, render

# Below 2.5 is what the project promises; systemd calls that OK.
MOST = 2.5
FEED = {"cift_feed_source": "hawkes", "cift_engine_standby": True, "cift_engine_shards": 2}
RELEASE = {"cift_release": {"version": "1", "sha256": "0"}, "ansible_managed": "by a test"}


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each unit as the roles write it."""
    folder = tmp_path_factory.mktemp("units")
    services: dict[str, Any] = evaluate("cift", "__cift_services", FEED, folder)
    sets = {
        name: FEED | RELEASE | {"__cift_service": {"key": name, "value": value}} for name, value in services.items()
    }
    render("cift", sets, ["service"], folder)
    (folder / "chdb").mkdir()
    render("chdb", {"chdb-unit": RELEASE}, ["cift-chdb.service"], folder)
    files = {f"cift-{name}{'@' if name == 'api' else ''}.service": folder / name / "service" for name in services}
    return files | {"cift-chdb.service": folder / "chdb-unit/cift-chdb.service"}


def test_all_are_there(units: dict[str, Path]) -> None:
    assert set(units) == {
        "cift-engine.service",
        "cift-engine-standby.service",
        "cift-engine-1.service",
        "cift-engine-standby-1.service",
        "cift-recorder.service",
        "cift-api@.service",
        "cift-feed.service",
        "cift-chdb.service",
    }


def test_each_is_watched_and_bounded(units: dict[str, Path]) -> None:
    for name, unit in units.items():
        text = unit.read_text()
        for directive in ("Type=notify", "WatchdogSec=", "MemoryHigh=", "MemoryMax=", "LimitCORE=0"):
            assert f"\n{directive}" in text, (name, directive)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_exposure(units: dict[str, Path], tmp_path: Path) -> None:
    root = tmp_path / "root"
    folder = root / "etc/systemd/system"
    folder.mkdir(parents=True)
    found = {}
    for name, unit in units.items():
        shutil.copy(unit, folder / name)
        instance = name.replace("@.", "@1.")
        command = ["systemd-analyze", "security", "--offline=true", f"--root={root}", "--no-pager", instance]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
        assert told, done.stdout + done.stderr
        found[name] = float(told[1])
    assert max(found.values()) < MOST, found
