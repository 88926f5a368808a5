"""What makes a report evidence: its signature, its schema, its costs, and what is different from the run before."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import msgspec
import pytest
from typer.testing import CliRunner

from cift.ops.cli import app
from cift.ops.report.cli import schema_text
from cift.ops.report.cost import cost_of
from cift.ops.report.reading import read_report, write_json
from cift.ops.report.signature import SignatureError, public_key, verify
from cift.ops.report.writing import write_report
from cift.ops.runner.inventory import Inventory
from tests.unit import report_samples as samples

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return samples.write_folder(tmp_path / "reports" / "sandbox" / "20260102T000000Z")


@pytest.fixture
def page(tmp_path: Path, run: Path) -> Path:
    return write_report(tmp_path, run, read_report(run, "sandbox"))


def test_a_signed_report_is_known_by_its_public_key(tmp_path: Path, page: Path) -> None:
    verify(page, public_key(tmp_path))
    verify(page.with_name("report.json"), public_key(tmp_path))
    assert (tmp_path / ".state" / "report-key").stat().st_mode & 0o777 == 0o600
    said = CliRunner().invoke(app, ["report", "verify", str(page), "--key", str(public_key(tmp_path))])
    assert (said.exit_code, "unchanged since it was signed" in said.output.replace("\n", " ")) == (0, True)


def test_one_changed_byte_is_told(tmp_path: Path, page: Path) -> None:
    page.write_text(page.read_text().replace("passed", "Passed", 1))
    with pytest.raises(SignatureError, match="it was changed since, or another key signed it"):
        verify(page, public_key(tmp_path))
    said = CliRunner().invoke(app, ["report", "verify", str(page), "--key", str(public_key(tmp_path))])
    assert said.exit_code == 1


def test_a_signature_of_another_key_file_or_purpose_is_none(tmp_path: Path, page: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    with pytest.raises(SignatureError, match="another key signed it"):
        verify(page, other.with_suffix(".pub"))
    shutil.copy(page.with_name("report.json.sig"), page.with_name("report.html.sig"))
    with pytest.raises(SignatureError):
        verify(page, public_key(tmp_path))
    page.with_name("report.html.sig").unlink()
    key = tmp_path / ".state" / "report-key"
    subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", "file", str(page)], check=True)
    with pytest.raises(SignatureError):
        verify(page, public_key(tmp_path))


@pytest.mark.parametrize("key", ["", "not a key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA"])
def test_what_is_no_public_key_is_refused(tmp_path: Path, page: Path, key: str) -> None:
    path = tmp_path / "key"
    path.write_text(key)
    with pytest.raises(SignatureError, match="no OpenSSH public key"):
        verify(page, path)


def test_missing_files_are_named(tmp_path: Path, page: Path) -> None:
    page.with_name("report.html.sig").unlink()
    with pytest.raises(SignatureError, match=r"report\.html\.sig: no such file"):
        verify(page, public_key(tmp_path))


def test_the_published_schema_is_that_of_the_reports(page: Path) -> None:
    published = ROOT / "docs" / "report.schema.json"
    assert published.read_text() == schema_text(), f"run: cift report schema > {published.relative_to(ROOT)}"
    jsonschema.validate(json.loads(page.with_name("report.json").read_text()), json.loads(published.read_text()))


def inventory(**values: object) -> Inventory:
    return Inventory(name="cage", path=Path("cage"), groups={}, hostvars={"one": dict(values), "two": dict(values)})


def test_costs_over_the_budget_are_a_problem(run: Path) -> None:
    stated = {"cift_cost_host_monthly_usd": 2000, "cift_cost_network_monthly_usd": 500}
    cost = cost_of(inventory(**stated, cift_cost_budget_monthly_usd=4000))
    assert cost is not None
    assert (cost.total, cost.within) == (4500, False)
    write_json(run / "cost.json", cost)
    assert "the site costs 4,500 US dollars a month, 4,000 are budgeted" in read_report(run, "cage").problems
    write_json(run / "cost.json", msgspec.structs.replace(cost, budget=4500))
    assert read_report(run, "cage").problems == []
    assert cost_of(inventory()) is None


def test_what_changed_since_the_run_before_is_told(tmp_path: Path, run: Path) -> None:
    assert read_report(run, "sandbox").since is None
    after = samples.write_folder(run.with_name("20260103T000000Z"), failed=True)
    for folder, version in ((run, "2.14.0"), (after, "2.15.1")):
        file = folder / "benchmark-cift-1.json"
        result = json.loads(file.read_text())
        result["hardware"]["class"] = "a-class"
        result["versions"]["nats-server"] = version
        file.write_text(json.dumps(result))
    since = read_report(after, "sandbox").since
    assert since is not None
    assert since.run == "20260102T000000Z"
    assert [(each.what, each.before, each.after) for each in since.versions] == [("nats-server", "2.14.0", "2.15.1")]
    assert ("nats: /etc/nats/<nats>.conf mode", "", "fail") in [(c.what, c.before, c.after) for c in since.checks]
    assert {change.says for change in since.figures["cift-1"]} == {"too few runs"}
    assert (
        "Since the run of 20260102T000000Z" in write_report(tmp_path, after, read_report(after, "sandbox")).read_text()
    )


def test_an_earlier_run_that_nobody_can_read_any_more_keeps_no_report_from_being_written(run: Path) -> None:
    after = samples.write_folder(run.with_name("20260103T000000Z"))
    for file in run.glob("*.json"):
        file.write_text("{")
    since = read_report(after, "sandbox").since
    assert since is not None
    assert (since.figures, since.checks, since.versions) == ({}, [], [])
