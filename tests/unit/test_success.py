"""`cift success`: eight criteria out of what is on record, and never met without a file that shows it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cift.benchmarks.soak.verdict import Soak
from cift.ops.cli import app
from cift.ops.report.reading import write_json
from cift.ops.success.criteria import criteria
from tests.unit import report_samples as samples


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("playbooks", "inventories/sandbox", ".state"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ansible.cfg").touch()
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def soak(hours: float) -> Soak:
    return Soak(host="cift-1", when="", hours=hours, rate=20, orders=0, verdict="passed", problems=[], figures=[],
                p50_ms=[], p99_ms=[])  # fmt: skip


def head(checkout: Path) -> str:
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True)
    return said.stdout.strip()


def verdicts(checkout: Path) -> list[str]:
    return [each.verdict for each in criteria(checkout, "sandbox")]


def test_nothing_on_record_is_nothing_known(checkout: Path) -> None:
    assert verdicts(checkout) == ["unknown"] * 8
    assert all(each.todo for each in criteria(checkout, "sandbox"))
    assert CliRunner().invoke(app, ["success"]).exit_code == 1


def test_each_criterion_is_judged_by_its_newest_run(checkout: Path) -> None:
    folder = samples.write_folder(checkout / "reports" / "sandbox" / "20260101T000000Z")
    file = folder / "benchmark-cift-1.json"
    result = json.loads(file.read_text())
    result["versions"]["cift_core"] = "0.1.0"
    file.write_text(json.dumps(result))
    (checkout / ".state" / "tests-passed.json").write_text(json.dumps({"when": "now", "commit": head(checkout)}))
    write_json(folder / "soak-cift-1.json", soak(24.1))
    found = criteria(checkout, "sandbox")
    # The sample's cache makes 900,000 operations a second: enough for its own target, not for the guide's.
    assert [each.verdict for each in found] == ["met"] * 5 + ["not met", "met", "met"]
    assert "900k ops/sec; asked above 2M ops/sec" in found[5].found
    assert all(each.evidence for each in found)
    later = samples.write_folder(checkout / "reports" / "sandbox" / "20260102T000000Z")
    services = json.loads((later / "services.json").read_text())
    services["health"][0]["status"] = "down"
    (later / "services.json").write_text(json.dumps(services))
    assert criteria(checkout, "sandbox")[0].verdict == "not met"


def test_tests_of_another_commit_and_a_short_soak_prove_nothing(checkout: Path) -> None:
    (checkout / ".state" / "tests-passed.json").write_text(json.dumps({"when": "then", "commit": "0" * 40}))
    folder = checkout / "reports" / "sandbox" / "20260101T000000Z"
    write_json(folder / "soak-cift-1.json", soak(0.3))
    found = criteria(checkout, "sandbox")
    assert (found[6].verdict, found[7].verdict) == ("not met", "not met")
    assert "the checkout is at" in found[6].found
    assert "0.3 h under load" in found[7].found


def test_a_playbook_that_somebody_ran_counts_as_well(checkout: Path) -> None:
    reports = checkout / "reports" / "sandbox"
    write_json(reports / "20260101T000000Z" / "soak-cift-1.json", soak(0.3))
    write_json(reports / "latest-manual" / "soak-cift-1.json", soak(24.1))
    os.utime(reports / "20260101T000000Z" / "soak-cift-1.json", (1, 1))
    last = criteria(checkout, "sandbox")[7]
    assert (last.verdict, last.evidence) == ("met", "reports/sandbox/latest-manual")
    write_json(reports / "20260102T000000Z" / "soak-cift-1.json", soak(0.5))
    os.utime(reports / "latest-manual" / "soak-cift-1.json", (2, 2))
    assert "0.5 h under load" in criteria(checkout, "sandbox")[7].found


def test_the_command_tells_people_and_programs(checkout: Path) -> None:
    said = CliRunner().invoke(app, ["success", "--json"])
    assert [each["number"] for each in json.loads(said.output)] == list(range(1, 9))
    refused = CliRunner().invoke(app, ["success", "-i", "nowhere"])
    assert refused.exit_code == 2
