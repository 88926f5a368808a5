"""The benchmark suite's own arithmetic: histograms, targets, verdicts, the printed table and the JSON file."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import yaml

from cift.benchmarks import command, console, suite
from cift.benchmarks.measure import Result, Row, latency_row, rate_row, skipped_row
from cift.benchmarks.profile import QUICK
from cift.benchmarks.suite import Section
from cift.benchmarks.targets import ROWS, Target, TargetError, judge, load_targets
from cift.core.config import Settings

ROOT = Path(__file__).parents[2]
HARDWARE = {"cpu": "a processor", "cores": 2, "memory_gib": 4.0, "kernel": "6.1"}


def matching(**figures: float) -> Row:
    return Row(key="matching", section="Order Matching (Rust)", name="one call", unit="us", n=10, **figures)


def test_percentiles_are_the_median_of_the_repetitions() -> None:
    quiet = np.full(1_000, 2_000)
    disturbed = np.full(1_000, 500_000)
    row = latency_row("matching", "s", "n", "us", [quiet, quiet, disturbed])
    assert row.p50 == pytest.approx(2.0, rel=0.001)
    assert row.mean == pytest.approx(2.0, rel=0.001)
    assert row.max == pytest.approx(500.0, rel=0.001)
    assert row.n == 3_000


def test_a_curve_only_has_the_points_that_the_samples_can_tell() -> None:
    few = latency_row("matching", "s", "n", "us", [np.arange(1, 101) * 1_000])
    assert [point for point, _ in few.curve] == [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 100]
    many = latency_row("matching", "s", "n", "us", [np.arange(1, 100_001)])
    assert 99.99 in [point for point, _ in many.curve]


def test_a_rate_is_the_median_of_the_runs() -> None:
    row = rate_row("cache", "s", "n", [(1_000, 1_000_000_000), (3_000, 1_000_000_000), (9_000, 1_000_000_000)])
    assert row.value == 3_000


@pytest.mark.parametrize(
    ("op", "value", "verdict"),
    [("<", 10.0, "passed"), ("<", 9.0, "failed"), ("<=", 9.0, "passed"), (">", 9.0, "failed"), (">=", 9.0, "passed")],
)
def test_a_target_decides_the_verdict(op: str, value: float, verdict: str) -> None:
    target = Target(row="matching", metric="p99", op=op, value=value, unit="us", why="because")  # type: ignore[arg-type]
    (row,) = judge([matching(p99=9.0)], [target])
    assert row.verdict == verdict
    assert row.target is not None
    assert row.target["value"] == value


@pytest.mark.parametrize(
    ("p99", "verdict"), [(9.0, "passed"), (1.0, "passed"), (0.9, "goal reached"), (11.0, "failed")]
)
def test_a_goal_is_told_and_fails_nothing(p99: float, verdict: str) -> None:
    target = Target(row="matching", metric="p99", op="<", value=10.0, goal=1.0, unit="us", why="because")
    (row,) = judge([matching(p99=p99)], [target])
    assert (row.verdict, row.met) == (verdict, verdict != "failed")


def test_what_was_not_measured_stays_skipped_under_a_target() -> None:
    target = Target(row="matching", metric="p99", op="<", value=1.0, unit="us", why="because")
    (row,) = judge([skipped_row("matching", "s", "n", "us", "not there")], [target])
    assert (row.verdict, row.why) == ("skipped", "not there")


GOOD = {"row": "matching", "metric": "p99", "op": "<", "value": 10, "unit": "us", "why": "w"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": "matchings"}, "row 'matchings' is not measured; choose one of matching"),
        ({"metric": "p98"}, "Invalid enum value 'p98'"),
        ({"metric": "value"}, "matching has no metric 'value'"),
        ({"unit": "ms"}, "unit 'ms', but matching is measured in 'us'"),
        ({"op": "=="}, "Invalid enum value '=='"),
        ({"value": "ten"}, "Expected `float`, got `str`"),
        ({"limit": 3}, "unknown field `limit`"),
        ({"goal": 10}, "goal 10 is no stricter than value 10"),
        ({"row": "cache", "unit": "ops/s"}, "cache has no metric 'p99'; choose value"),
    ],
)
def test_a_wrong_target_is_refused_with_its_field(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "targets.json"
    path.write_text(json.dumps([GOOD | change]))
    with pytest.raises(TargetError) as refusal:
        load_targets(path)
    assert str(path) in str(refusal.value)
    assert message in str(refusal.value)


def test_two_targets_for_one_row_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "targets.json"
    path.write_text(json.dumps([GOOD, GOOD]))
    with pytest.raises(TargetError, match="already has a target"):
        load_targets(path)


def test_the_table_reads_like_the_guide() -> None:
    passed = Target(row="matching", metric="p99", op="<", value=10.0, unit="us", why="guide")
    row = matching(mean=8.2, p50=7.5, p95=9.0, p99=9.5, p999=12.0, max=120.0)
    result = Result(host="h", hardware=HARDWARE, versions={"cift": "1"}, rows=judge([row], [passed]))
    text = "\n".join(console.lines(result))
    assert "Mean:   8.20μs" in text
    assert "✓ Target: P99 <10μs (PASSED)" in text
    assert "ALL PERFORMANCE TARGETS MET" in text


def test_a_missed_target_and_a_skipped_section_are_said() -> None:
    missed = Target(row="matching", metric="p99", op="<", value=1.0, unit="us", why="guide")
    rows = [
        matching(mean=8.2, p50=7.5, p95=9.0, p99=9.5, p999=12.0, max=120.0),
        skipped_row("cache", "Cache", "n", "ops/s", "away"),
    ]
    result = Result(host="h", hardware=HARDWARE, versions={}, rows=judge(rows, [missed]))
    text = "\n".join(console.lines(result))
    assert "(FAILED)" in text
    assert "skipped: away" in text
    assert "✗ 1 OF 1 TARGETS MISSED; 1 NOT MEASURED" in text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(8.24, "us", "8.24μs"), (0.0261, "ms", "0.026ms"), (250.0, "us", "250μs"), (2_310_000, "ops/s", "2.31M ops/sec")],
)
def test_figures_are_written_as_people_read_them(value: float, unit: str, text: str) -> None:
    assert console.figure(value, unit) == text


def test_a_section_that_cannot_be_reached_is_skipped_with_the_reason() -> None:
    section = Section("Cache", ("cache",), lambda *_: pytest.fail("measured"), lambda _: "//127.0.0.1:1")
    result = suite.run(Settings(), QUICK, [], lambda _: None, [section])
    assert result.rows[0].verdict == "skipped"
    assert "nothing answers on 127.0.0.1:1" in result.rows[0].why


def test_one_server_of_several_is_enough_and_where_there_is_none_each_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = f"nats://127.0.0.1:1,nats://127.0.0.1:{server.getsockname()[1]}"
        section = Section("Messages", ("messages",), lambda *_: ([], {}), lambda _: there)
        assert suite.run(Settings(), QUICK, [], lambda _: None, [section]).rows == []
    section = Section("Messages", ("messages",), lambda *_: ([], {}), lambda _: "nats://127.0.0.1:1,nats://127.0.0.1:2")
    why = suite.run(Settings(), QUICK, [], lambda _: None, [section]).rows[0].why
    assert "127.0.0.1:1 (" in why
    assert ", nor on 127.0.0.1:2 (" in why


def test_a_section_that_breaks_does_not_take_the_others_with_it() -> None:
    def broken(*_: object) -> suite.Measured:
        raise RuntimeError("the order came back rejected")

    fine = Section("Risk", ("risk",), lambda *_: ([rate_row("risk", "Risk", "n", [(1, 1)])], {"risk": "1"}))
    result = suite.run(Settings(), QUICK, [], lambda _: None, [Section("E", ("end_to_end",), broken), fine])
    assert [row.verdict for row in result.rows] == ["skipped", "passed"]
    assert result.versions["risk"] == "1"


def test_the_command_writes_the_json_of_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = matching(mean=1.0, p50=1.0, p95=1.0, p99=20.0, p999=1.0, max=30.0)
    monkeypatch.setattr(suite.run, "__defaults__", ((Section("Matching", ("matching",), lambda *_: ([row], {})),),))
    targets, output = tmp_path / "targets.json", tmp_path / "out.json"
    targets.write_text(json.dumps([GOOD]))
    assert command.main(["--phase=7", "--quick", "--targets", str(targets), "--output", str(output)]) == 1
    written = json.loads(output.read_text())
    assert set(written) == {"host", "hardware", "versions", "rows", "when", "profile", "golden", "changes"}
    assert set(written["hardware"]) == {"cpu", "cores", "memory_gib", "nic", "kernel", "microcode", "class"}
    assert written["rows"][0]["verdict"] == "failed"
    assert written["rows"][0]["target"] == GOOD | {"goal": None}
    assert "(FAILED)" in capsys.readouterr().out


def test_bad_input_ends_with_status_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nowhere.json"
    assert command.main(["--targets", str(missing)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert command.main(["--output", str(tmp_path / "no" / "folder.json")]) == 2
    assert "create it first" in capsys.readouterr().err


def test_the_role_takes_a_target_for_every_row() -> None:
    """An inventory's mistake is refused before anything is measured."""
    specs = yaml.safe_load((ROOT / "roles/benchmark/meta/argument_specs.yml").read_text())
    targets = specs["argument_specs"]["main"]["options"]["benchmark_targets"]
    assert targets["options"]["row"]["choices"] == list(ROWS)


def test_every_section_owes_rows_that_can_have_targets_and_no_other() -> None:
    assert sorted(key for section in suite.SECTIONS for key in section.keys) == sorted(ROWS)
