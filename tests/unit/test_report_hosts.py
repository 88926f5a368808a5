"""A site of several hosts: a page for each, one for all of them; what is installed, and what the tuning bought."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cift.ops.report.html import render
from cift.ops.report.model import Installed, Report
from cift.ops.report.reading import read_report, write_json
from cift.ops.report.signature import public_key, verify
from cift.ops.report.writing import write_report
from cift.ops.tune.statistics import gain
from tests.unit import report_samples as samples
from tests.unit.test_report import Page

HOSTS = ("cift-1", "cift-2", "cift-3")
NATS = Installed(kind="artifact", name="nats-server", version="2.15.1", sha256="b" * 64)
PACKAGES = [
    Installed(kind="package", name=f"lib{n}", version=f"{n}.0", sha256="c" * 64 if n else "") for n in range(500)
]


def gains(host: str) -> dict[str, Any]:
    bought = gain("cyclictest p99", [10.0, 11, 12, 10, 11, 12, 13], [5.0, 6, 5, 6, 5, 6, 5])
    nothing = gain("oslat max", [10.0, 11, 12, 10, 11, 12, 13], [11.0, 10, 12, 11, 10, 12, 13])
    groups = [
        {"group": {"name": "cpus", "tried": {}}, "gains": [bought, nothing]},
        {"group": {"name": "x"}, "gains": []},
    ]
    return {"host": host, "when": "2026-01-01T00:00:00Z", "groups": groups}


def site(root: Path, run: str = "20260102T000000Z", nats: Installed = NATS) -> Path:
    """Write three hosts' files, one host with a failed setting."""
    folder = samples.write_folder(root / "reports" / "cage" / run)
    for host in HOSTS:
        checks = samples.checks(failed=host == "cift-2")
        rows = [msgspec.structs.replace(row, host=host) for row in checks.rows]
        rows += [msgspec.structs.replace(rows[0], setting=f"kernel.setting_{n}") for n in range(600)]
        write_json(folder / f"verify-{host}.json",
                   msgspec.structs.replace(checks, host=host, rows=rows, installed=[nats, *PACKAGES]))  # fmt: skip
        write_json(folder / f"benchmark-{host}.json", msgspec.structs.replace(samples.benchmark(), host=host))
        (folder / f"plan-{host}.svg").write_text(samples.picture())
        write_json(root / "reports" / "cage" / "20260101T000000Z-measure" / f"gains-{host}.json", gains(host))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    folder = site(root)
    write_report(root, folder, read_report(folder, "cage"))
    return folder


def test_every_host_has_a_page_and_the_site_has_one_that_leads_there(folder: Path) -> None:
    page = Page((folder / "report.html").read_text())
    assert [address for address in page.addresses if address.endswith(".html")] == [f"report-{h}.html" for h in HOSTS]
    for host in HOSTS:
        own = Page((folder / f"report-{host}.html").read_text())
        assert "report.html" in own.addresses
        assert not [other for other in HOSTS if other != host and other in own.text]
        for title in ("Figures", "Plan", "Behaviour", "Verified settings", "What the tuning bought", "Installed"):
            assert title in own.text, (host, title)
    assert "Not proven: 2 problems" in page.text
    assert "Not proven: 2 problems" in Page((folder / "report-cift-2.html").read_text()).text
    assert "All that was run passed" in Page((folder / "report-cift-1.html").read_text()).text


def test_the_sites_page_tells_what_did_not_pass_and_no_more(folder: Path) -> None:
    text = Page((folder / "report.html").read_text()).text
    assert "/etc/nats/<nats>.conf mode" in text
    assert "kernel.setting_599" not in text
    assert "kernel.setting_599" in (folder / "report-cift-3.html").read_text()


def test_pages_are_small_signed_and_without_outside_resources(folder: Path) -> None:
    pages = sorted(folder.glob("*.html"))
    assert len(pages) == 4
    for page in pages:
        assert page.stat().st_size < 2_000_000
        assert not [a for a in Page(page.read_text()).addresses if "://" in a and not a.startswith("https://")]
        assert "src=" not in page.read_text()
        for file in (page, page.with_suffix(".json")):
            verify(file, public_key(folder.parents[2]))
        assert msgspec.json.decode(page.with_suffix(".json").read_bytes(), type=Report)


def test_one_host_has_one_page(tmp_path: Path) -> None:
    folder = samples.write_folder(tmp_path / "reports" / "sandbox" / "20260102T000000Z")
    write_report(tmp_path, folder, read_report(folder, "sandbox"))
    assert [page.name for page in folder.glob("*.html")] == ["report.html"]
    assert "Figures" in Page((folder / "report.html").read_text()).text


def test_versions_and_checksums_of_everything_installed_are_told(folder: Path) -> None:
    text = Page((folder / "report-cift-1.html").read_text()).text
    assert "Packages: 500" in text
    assert "Downloads: 1" in text
    assert "b" * 64 in text
    assert "lib499" in text
    assert "in no index any more" in text


def test_what_was_installed_since_the_last_run_is_told(tmp_path: Path) -> None:
    site(tmp_path, "20260102T000000Z", msgspec.structs.replace(NATS, version="2.14.0"))
    report = read_report(site(tmp_path, "20260103T000000Z"), "cage")
    assert report.since is not None
    found = [(row.host, row.what, row.before, row.after) for row in report.since.versions]
    assert found == [(host, "nats-server", "2.14.0", "2.15.1") for host in HOSTS]
    since = report.of("cift-2").since
    assert since is not None
    assert [row.host for row in since.versions] == ["cift-2"]


def test_what_the_tuning_bought_is_drawn_and_told(folder: Path) -> None:
    html = (folder / "report-cift-1.html").read_text()
    assert 'aria-label="What the settings bought on cift-1' in html
    assert "cpus: cyclictest p99" in Page(html).text
    assert "no difference" in Page(html).text


def test_the_newest_measurement_counts_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    folder = site(tmp_path)
    newer = folder.parent / "20260103T000000Z-measure"
    write_json(newer / "gains-cift-1.json", {**gains("cift-1"), "when": "2026-01-03T00:00:00Z"})
    write_json(newer / "gains-gone.json", gains("gone"))
    (newer / "gains-cift-2.json").write_text("{")
    report = read_report(folder, "cage")
    assert [(each.host, each.when[:10]) for each in report.tuning if each.host in report.hosts] == [
        ("cift-1", "2026-01-03"), ("cift-2", "2026-01-01"), ("cift-3", "2026-01-01"),
    ]  # fmt: skip
    assert "gone" not in Page(render(report)).text


def test_an_older_runs_checks_without_a_list_are_read(tmp_path: Path) -> None:
    folder = site(tmp_path)
    file = folder / "verify-cift-1.json"
    write_json(file, {k: v for k, v in json.loads(file.read_text()).items() if k != "installed"})
    assert [len(host.installed) for host in read_report(folder, "cage").verify] == [0, 501, 501]
