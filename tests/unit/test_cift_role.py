"""The role cift: in which order services are replaced, and which release a host goes back to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.role_render import evaluate, refusals


def test_what_stands_by_is_replaced_first_and_the_apis_workers_one_by_one(tmp_path: Path) -> None:
    known = {"cift_engine_standby": True, "cift_feed_source": "hawkes", "cift_api_workers": 2}
    standby, engine = "cift-engine-standby.service", "cift-engine.service"
    assert evaluate("cift", "__cift_all_in_turn", known, tmp_path) == [
        standby, engine, standby, "cift-recorder.service", "cift-api@1.service", "cift-api@2.service",
        "cift-feed.service",
    ]  # fmt: skip
    assert evaluate("cift", "__cift_engines_in_turn", {"cift_engine_standby": False}, tmp_path) == [engine]


def test_the_host_whose_engine_decides_comes_last(tmp_path: Path) -> None:
    said = ["cift_engine_active 0.0\ncift_engine_active 1.0\n", "cift_engine_active 0.0\n", ""]  # c's doesn't run
    known = {"__cift_hosts": ["a", "b", "c"], "__cift_said": said}
    assert evaluate("cift", "__cift_stand_by", known, tmp_path) == ["b", "c"]


def test_settings_and_units_that_a_release_keeps(tmp_path: Path) -> None:
    found = evaluate("cift", "__cift_unit_files", {"cift_engine_standby": True}, tmp_path).split()
    folder = "/etc/systemd/system"
    assert found == [
        f"{folder}/cift.slice", f"{folder}/cift-api.socket", f"{folder}/cift-api@.service",
        f"{folder}/cift-engine.service", f"{folder}/cift-recorder.service", f"{folder}/cift-engine-standby.service",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "live", "found"), [("", "c", "b"), ("", "b", "c"), ("a", "c", "a"), ("", "", "c"), ("x", "c", "x")]
)
def test_where_a_rollback_leads(wanted: str, live: str, found: str, tmp_path: Path) -> None:
    known = {
        "cift_rollback_release": wanted,
        "__cift_well": ["c", "b", "a"],
        "__cift_current": {"stat": {"lnk_source": f"/opt/cift/releases/{live}"} if live else {}},
    }
    assert evaluate("cift", "__cift_back_to", known, tmp_path) == found


def test_a_rollback_is_refused_to_what_was_never_well(tmp_path: Path) -> None:
    root = tmp_path / "opt"
    for name, is_well in (("1", True), ("2", False), ("3", True)):
        (root / "releases" / name).mkdir(parents=True)
        if is_well:
            (root / "releases" / name / "configuration.tar").touch()
    (root / "current").symlink_to("releases/3")
    sets = {
        "never-well": {"cift_root": str(root), "cift_rollback_release": "2"},
        "nothing": {"cift_root": str(tmp_path)},
    }
    said = refusals("cift", "rollback", sets, tmp_path)
    assert said["never-well"].endswith("found 2, expected one of 3, 1; 3 is live")
    assert said["nothing"].endswith("found nothing to go back to, expected one of none; no release is live")
