"""What the role cift makes of a feed: nothing without a source, one more unit with one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from cift.core.config import Settings
from tests.unit.role_render import evaluate, render

BASE = {
    "ansible_managed": "ours",
    "ansible_facts": {"python_version": "3.11.2"},
    "rust_core_chosen_cpu": "x86-64-v3",
    "inventory_dir": "/nowhere/sandbox",
    "cift_release": {"version": "1", "sha256": "0"},
}
FEED = {"cift_feed_source": "hawkes", "cift_feed_symbols": ["A", "B"], "cift_feed_speed": 2.5, "cift_feed_prefix": "G-"}


@pytest.mark.parametrize(("own", "running"), [({}, False), (FEED, True)])
def test_a_feed_runs_where_a_source_is_named(own: dict[str, Any], running: bool, tmp_path: Path) -> None:
    expression = "{'run': __cift_running, 'services': __cift_services | list, 'seed': __cift_secrets.feed}"
    seeds = {"cift_nats_seeds": dict.fromkeys(("admin", "api", "engine", "recorder", "feed", "benchmark"), "SEED")}
    found = evaluate("cift", expression, BASE | seeds | own, tmp_path)
    assert ("cift-feed.service" in found["run"]) is running
    assert ("feed" in found["services"]) is running
    assert found["seed"] == {"NATS_NKEY_SEED": "SEED" if running else ""}


def test_its_settings_reach_the_program(tmp_path: Path) -> None:
    variables = evaluate("cift", "__cift_environment", BASE | FEED | {"cift_feed_path": "/srv/day.itch"}, tmp_path)
    settings = Settings.model_validate(
        {name: value for name, value in variables.items() if name.startswith("CIFT_FEED")}
    )
    assert (settings.feed_source, settings.feed_symbols, settings.feed_path) == ("hawkes", "A,B", "/srv/day.itch")
    assert (settings.feed_speed, settings.feed_prefix) == (2.5, "G-")


def test_its_unit_is_as_tight_as_the_others_and_gives_up_on_a_bad_file(tmp_path: Path) -> None:
    units = {}
    for name in ("feed", "recorder"):
        service = {"__cift_service": {"key": name, "value": {"description": name, "command": f"/bin/true {name}"}}}
        render("cift", {name: BASE | FEED | service}, ["service"], tmp_path)
        lines = (tmp_path / name / "service").read_text().replace(name, "NAME").splitlines()
        units[name] = {line for line in lines if not line.startswith("Memory") or line.startswith("MemoryDeny")}
    assert "RestartPreventExitStatus=2" in units["feed"] - units["recorder"]
    assert not units["recorder"] - units["feed"]
    unit = tmp_path / "cift-feed.service"
    unit.write_text((tmp_path / "feed/service").read_text())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "cift-feed.service:" not in done.stderr, done.stderr
