"""The report out of a folder of files: its verdict, its page, its table."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cift.ops.report import charts
from cift.ops.report.histogram import histogram
from cift.ops.report.html import duration, render
from cift.ops.report.model import Check, Figures, ReportError, fold
from cift.ops.report.reading import read_report, write_json
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
    assert report.check_counts == {"fail": 0, "reboot": 0, "skip": 2, "pass": 7}


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
        "cift-1: oslat is max 924 us, wanted at most 20 us",
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
    with pytest.raises(ReportError, match="no deploy, replay, verify, benchmark or soak file here"):
        read_report(tmp_path, "sandbox")
    (tmp_path / "deploy.json").write_text("{}")
    with pytest.raises(ReportError, match=r"deploy\.json: .*missing required field"):
        read_report(tmp_path, "sandbox")


def test_the_page_stands_alone_and_escapes_what_hosts_said(bad: Path) -> None:
    html = render(read_report(bad, "sandbox"))
    page = Page(html)
    assert page.addresses == []
    # The name of SVG's vocabulary looks like an address, and is none.
    assert not re.search(r"url\(|@import|https?://(?!10\.77|www\.w3\.org/2000/svg)", html)
    assert "<sshd>" not in html.replace("&lt;sshd&gt;", "")
    assert "port 4222 is taken by <sshd>; stop it" in page.text
    assert 'data-verdict="fail"' in html


def test_checks_that_need_attention_come_first(bad: Path) -> None:
    verdicts = [row.verdict for row in read_report(bad, "sandbox").checks]
    assert verdicts == ["fail"] * 2 + ["skip"] * 2 + ["pass"] * 7


def test_the_plan_and_the_latencies_are_on_the_page_and_in_the_file(bad: Path) -> None:
    report = read_report(bad, "sandbox")
    page = Page(render(report))
    for words in ("every CPU in its class", "isolated 4-7,20-23", "limit 20 μs", "max 924 μs", "P99.99"):
        assert words in page.text, words
    write_json(bad / "report.json", report)
    kept = json.loads((bad / "report.json").read_text())
    assert kept["pictures"]["cift-1"].startswith("<svg")
    assert [row.setting for row in report.measured] == ["cyclictest", "oslat"]


def test_figures_without_a_target_are_folded_away(good: Path) -> None:
    rows = read_report(good, "sandbox").benchmark[0].rows
    shown, folded = fold(rows)
    assert {section: len(found) for section, found in folded.items()} == {"Serialization": 30}
    assert "JetStream" not in str(folded)
    assert [row.section for row in shown] == [row.section for row in rows if row.section != "Serialization"]
    html = render(read_report(good, "sandbox"))
    assert "<summary>Serialization: 30 more figures, without a target</summary>" in html


def test_a_histogram_is_well_formed() -> None:
    limited = samples.latency("oslat", 20, verdict="fail", why="")
    for row in (limited, samples.latency("cyclictest", None, verdict="skip", why="")):
        root = ElementTree.fromstring(str(histogram(row)))
        kinds = {element.get("class") for element in root.iter("rect")}
        assert kinds == ({"good", "bad"} if row is limited else {"changed"})
        for element in root.iter("rect"):
            assert float(element.get("x") or -1) + float(element.get("width") or 0) <= charts.WIDTH
            assert float(element.get("height") or -1) >= 0
    bare = Check(
        host="h", area="behaviour", setting="hwlatdetect", verdict="pass", figures=Figures(max=3, n=1, seconds=1)
    )
    assert histogram(bare) is None


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**12)), min_size=1),
    st.one_of(st.none(), st.floats(0.5, 10**5)),
)
def test_any_histogram_can_be_drawn(pairs: list[tuple[int, int]], limit: float | None) -> None:
    figures = Figures(max=max(pairs)[0] + 1, n=1, seconds=1, limit=limit, over=2, histogram=pairs)
    row = Check(host="<h>", area="behaviour", setting="<oslat>", verdict="pass", figures=figures)
    ElementTree.fromstring(str(histogram(row)))


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
        "7 pass, 2 skip, 2 fail, 0 reboot",
        "✗ oslat: max 924 us (limit 20 us)",
        "30 more figures without a target",
        "p99 1.78μs (target < 10μs)",
        "cift 41.0 s, rust_core 38.0 s",
        "3 problems",
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
