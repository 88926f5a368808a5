"""`cift tune`: the page of settings is current, and a setting explained has all that a person asks for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cift.ops.cli import app
from cift.ops.tune.catalogue import UnknownSettingError, find, read_entries
from cift.ops.tune.document import document
from cift.ops.tune.explain import here, latest_checks, on_host
from tests.unit.machine import FakeMachine

ROOT = Path(__file__).parents[2]
ENTRIES = read_entries(ROOT)


def cift(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["tune", *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_the_page_of_settings_is_current() -> None:
    """After a change of a table: cift tune table --output docs/settings.md."""
    assert (ROOT / "docs/settings.md").read_text() == document(ENTRIES)


def test_the_page_has_no_template_left() -> None:
    assert "{{" not in document(ENTRIES)
    assert "{item}" not in document(ENTRIES)


def test_the_page_is_written_to_a_file(tmp_path: Path) -> None:
    assert cift("table", "--output", str(tmp_path / "settings.md"))[0] == 0
    assert (tmp_path / "settings.md").read_text() == document(ENTRIES)
    status, said = cift("table", "--output", str(tmp_path / "no/settings.md"))
    assert status == 2
    assert "expected a file that can be written" in said


class TestFind:
    def test_by_name_by_part_and_by_item(self) -> None:
        assert find(ENTRIES, "VM.swappiness").row["value"] == 10
        assert find(ENTRIES, "stat_interval").name == "vm.stat_interval"
        entry = find(ENTRIES, "CPU affinity of nats.service")
        assert (entry.role, entry.item) == ("slices", "nats.service")
        assert entry.for_good == "/etc/systemd/system/nats.service.d/60-cift-plan.conf"

    def test_none_or_several(self) -> None:
        with pytest.raises(UnknownSettingError, match="several settings"):
            find(ENTRIES, "net.")
        with pytest.raises(UnknownSettingError, match="no such setting; expected one of"):
            find(ENTRIES, "warp drive")


class TestHere:
    def test_a_sysctl_and_a_choice(self, tmp_path: Path) -> None:
        machine = FakeMachine(tmp_path)
        machine.have("/proc/sys/vm/swappiness", "60\n")
        machine.have("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n")
        lines = dict(here(find(ENTRIES, "vm.swappiness"), machine))
        assert lines["value now"].startswith("60 ")
        assert lines["wanted"] == "10"
        assert dict(here(find(ENTRIES, "transparent huge pages"), machine))["value now"].startswith("always ")

    def test_patterns_stand_for_what_only_a_plan_knows(self, tmp_path: Path) -> None:
        machine = FakeMachine(tmp_path)
        for node, pages in enumerate((0, 512)):
            path = f"/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages"
            machine.have(path, f"{pages}\n")
        now = dict(here(find(ENTRIES, "2 MB pages"), machine))["value now"]
        assert "node0/hugepages/hugepages-2048kB/nr_hugepages: 0" in now
        assert dict(here(find(ENTRIES, "2 MB pages of node 1"), machine))["value now"].startswith("512 ")

    def test_the_command_line(self, tmp_path: Path) -> None:
        machine = FakeMachine(tmp_path)
        machine.have("/proc/cmdline", "ro isolcpus=7 quiet\n")
        assert dict(here(find(ENTRIES, "isolcpus"), machine))["value now"].startswith("isolcpus=7 ")

    def test_what_the_machine_lacks_is_said(self, tmp_path: Path) -> None:
        lines = dict(here(find(ENTRIES, "scaling governor"), FakeMachine(tmp_path)))
        assert lines["skipped here"] == "no frequency driver"
        assert lines["wanted"] == "performance (kernel_governor)"

    @pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
    def test_every_setting_can_be_explained(self, entry: object, tmp_path: Path) -> None:
        assert dict(here(entry, FakeMachine(tmp_path)))["value now"]  # type: ignore[arg-type]


def test_a_host_s_last_report(tmp_path: Path) -> None:
    row = {"host": "cift-1", "area": "kernel", "setting": "vm.swappiness", "wanted": "10", "persistent": "10"}
    for number, live in enumerate(("60", "10")):
        report = tmp_path / f"reports/sandbox/{number}/verify-cift-1.json"
        report.parent.mkdir(parents=True)
        rows = [row | {"live": live, "verdict": "pass"}]
        report.write_text(json.dumps({"host": "cift-1", "when": f"2026-11-25T10:0{number}:00Z", "rows": rows}))
    checks = latest_checks(tmp_path, "sandbox", "cift-1")
    assert checks is not None
    lines = dict(on_host(find(ENTRIES, "vm.swappiness"), checks))
    assert lines["value then"] == "10  (read at 2026-11-25T10:01:00Z)"
    assert "no such row" in dict(on_host(find(ENTRIES, "vm.stat_interval"), checks))["value then"]
    assert latest_checks(tmp_path, "sandbox", "cift-9") is None


def test_explain_on_the_command_line() -> None:
    status, said = cift("explain", "vm.stat_interval")
    assert status == 0
    for line in (r"does +seconds between", r"value now +\d+", r"wanted +10", r"why +each update", r"source +https://"):
        assert re.search(line, said), line
    assert cift("explain", "warp drive")[0] == 2
    status, said = cift("explain", "vm.stat_interval", "--host", "cift-1")
    assert status == 2
    assert "give both" in said
