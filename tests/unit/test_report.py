"""The report out of a folder of files: its verdict, its page, its table."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from cift.ops.report import charts
from cift.ops.report.html import duration, render
from cift.ops.report.model import ReportError, read_report, write_json
from cift.ops.report.terminal import print_report
from cift.ops.runner.record import Span
from cift.ops.up.session import point_latest
from tests.unit import report_samples as samples

VOID = {"meta", "br", "input"}


class Page(HTMLParser):
    """Checks that tags nest, and remembers addresses and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return samples.write_folder(tmp_path / "good")


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return samples.write_folder(tmp_path / "bad", failed=True)


def test_a_run_without_a_problem_passes(good: Path) -> None:
    report = read_report(good, "sandbox")
    assert report.problems == []
    assert report.verdict == "passed"
    assert report.check_counts == {"fail": 0, "reboot": 0, "skip": 1, "pass": 7}


def test_every_kind_of_problem_fails_the_run_and_is_named(bad: Path) -> None:
    write_json(bad / "replay.json", {**samples.REPLAY, "errors": 3, "differing": 2})
    services = json.loads((bad / "services.json").read_text())
    services["replay_rows"] -= 1
    services["health"][0]["status"] = "down"
    services["health"][0]["dependencies"]["engine"] = {"state": "down", "reason": "no answer within 1 s"}
    write_json(bad / "services.json", services)
    benchmark = json.loads((bad / "benchmark-cift-1.json").read_text())
    matching, end_to_end = benchmark["rows"][0], benchmark["rows"][-1]
    matching["verdict"] = "failed"
    end_to_end["target"] = {"row": "end_to_end", "metric": "p95", "op": "<", "value": 10, "unit": "ms", "why": ""}
    write_json(bad / "benchmark-cift-1.json", benchmark)
    report = read_report(bad, "sandbox")
    assert report.verdict == "failed"
    wanted = [
        "site: cift-1, nats, Check the port: port 4222 is taken by <sshd>; stop it",
        "replay: 3 requests went wrong",
        "replay: the book differs in 2 rows that the messages can tell",
        "cift-1: engine (no answer within 1 s)",
        "ClickHouse holds 1203 of the replay's 1204 fills: see the journal of cift-recorder",
        "cift-1: /etc/nats/<nats>.conf mode is 0644, wanted 0640",
        "cift-1: Order Matching (Rust), one call, mixed flow: 1.78μs, wanted < 10μs",
        "cift-1: Order to Fill (API) has a target but was not measured: nothing answers on 127.0.0.1:8000",
    ]
    assert report.problems == wanted


def test_a_part_that_was_not_run_is_left_out(tmp_path: Path) -> None:
    write_json(tmp_path / "verify-cift-1.json", samples.checks())
    report = read_report(tmp_path, "sandbox")
    assert report.verdict == "passed"
    page = Page(render(report))
    assert "Verified settings" in page.text
    assert "Replay" not in page.text
    assert "Figures" not in page.text


def test_an_empty_or_broken_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no deploy, replay, verify or benchmark file here"):
        read_report(tmp_path, "sandbox")
    (tmp_path / "deploy.json").write_text("{}")
    with pytest.raises(ReportError, match=r"deploy\.json: .*missing required field"):
        read_report(tmp_path, "sandbox")


def test_the_page_stands_alone_and_escapes_what_hosts_said(bad: Path) -> None:
    html = render(read_report(bad, "sandbox"))
    page = Page(html)
    assert page.addresses == []
    assert not re.search(r"url\(|@import|https?://(?!10\.77)", html)
    assert "<sshd>" not in html.replace("&lt;sshd&gt;", "")
    assert "port 4222 is taken by <sshd>; stop it" in page.text
    assert 'data-verdict="fail"' in html


def test_checks_that_need_attention_come_first(bad: Path) -> None:
    verdicts = [row.verdict for row in read_report(bad, "sandbox").checks]
    assert verdicts == ["fail", "skip"] + ["pass"] * 7


def test_pictures_are_well_formed_and_say_what_they_show() -> None:
    rows = samples.benchmark().rows
    for picture, words in (
        (charts.targets([row for row in rows if row.target]), ["1.78μs", "900k ops/sec", "Cache Operations"]),
        (charts.curves([row for row in rows if row.curve]), ["matching", "JetStream ack", "99.9 %"]),
        (charts.timeline(samples.spans()), ["preflight", "41.0 s", "2:30"]),
    ):
        root = ElementTree.fromstring(str(picture))
        assert root.get("aria-label")
        texts = [element.text for element in root.iter("text")]
        assert set(words) <= set(texts)


def test_a_timeline_of_one_short_span_and_a_curve_of_one_sample_can_be_drawn() -> None:
    assert "base" in charts.timeline([Span(role="base", play="p", start=1.0, end=1.0)])
    row = samples.latency_row("matching", "s", "n", "us", [samples.np.array([1_000])])
    ElementTree.fromstring(str(charts.curves([row])))


def test_the_terminal_says_the_same(bad: Path) -> None:
    console = Console(file=StringIO(), width=200)
    print_report(console, read_report(bad, "sandbox"), bad / "report.html")
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    for words in (
        "✓ engine",
        "2,000, 1,204 fills, 412/s",
        "7 pass, 1 skip, 1 fail, 0 reboot",
        "p99 1.78μs (target < 10μs)",
        "cift 41.0 s, rust_core 38.0 s",
        "2 problems",
        str(bad / "report.html"),
    ):
        assert words in printed


def test_latest_points_at_the_newest_run(tmp_path: Path) -> None:
    for name in ("20260101T000000Z", "20260102T000000Z"):
        (tmp_path / name).mkdir()
        point_latest(tmp_path / name)
        assert (tmp_path / "latest").readlink() == Path(name)


@pytest.mark.parametrize(("seconds", "text"), [(4.21, "4.2 s"), (59.9, "59.9 s"), (192.4, "3 min 12 s")])
def test_durations_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
