"""A result held against the golden one of its kind: the rank test, what is kept, and what fails a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pytest

from cift.benchmarks import command, suite
from cift.benchmarks.baselines import BaselineError, held_against, keep, read_result
from cift.benchmarks.compare import compare, rank_test
from cift.benchmarks.console import lines
from cift.benchmarks.measure import Result, Row, latency_row, rate_row
from cift.benchmarks.suite import Section
from cift.benchmarks.targets import Target, judge

HARDWARE = {"cpu": "a processor", "cores": 2, "memory_gib": 4.0, "kernel": "6.1.9", "class": "a-processor-2c"}
SLOW, FAST = [110.0, 111.0, 112.0, 113.0, 114.0], [100.0, 101.0, 102.0, 103.0, 104.0]


def latency(runs: Sequence[float]) -> Row:
    samples = [np.full(100, int(run * 1_000)) for run in runs]
    row = latency_row("messages", "Messages", "publish to receive", "us", samples)
    return judge([row], [Target(row="messages", metric="p95", op="<", value=1e6, unit="ms", why="w")])[0]


def result(row: Row, when: str = "2026-01-01T00:00:00+00:00") -> Result:
    return Result(host="h", hardware=HARDWARE, versions={}, rows=[row], when=when)


def test_the_rank_test_is_that_of_the_books() -> None:
    # Every order of five and five is as likely: the two that part them whole are 2 of 252.
    assert rank_test(FAST, SLOW) == pytest.approx(2 / len(list(combinations(range(10), 5))))
    assert rank_test(SLOW, FAST) == rank_test(FAST, SLOW)
    # Ranks 1, 2, 4 against 3, 5, 6: sums of 7 or less, or 14 or more, are 4 of 20.
    assert rank_test([1.0, 2.0, 4.0], [3.0, 5.0, 6.0]) == pytest.approx(4 / 20)
    assert rank_test([5.0] * 5, [5.0] * 5) == 1.0
    many = np.arange(40.0)
    assert rank_test(many[:20], many[20:]) < 1e-4
    assert rank_test(many[::2], many[1::2]) > 0.5


@pytest.mark.parametrize(
    ("before", "after", "tolerance", "says"),
    [
        (FAST, SLOW, 0.05, "worse"),
        (SLOW, FAST, 0.05, "better"),
        (FAST, SLOW, 0.1, "no difference"),  # 1.098 times: tolerated
        (FAST, [100.0, 101.0, 130.0, 131.0, 132.0], 0.05, "no difference"),  # chance does that
        (FAST[:4], SLOW[:4], 0.05, "too few runs"),
    ],
)
def test_only_what_is_beyond_chance_and_tolerance_is_a_change(
    before: list[float], after: list[float], tolerance: float, says: str
) -> None:
    changes = compare(result(latency(before)), result(latency(after)), tolerance)
    assert [(change.metric, change.says) for change in changes] == [("p50", says), ("p99", says)]


def test_more_of_a_rate_is_better() -> None:
    slow, fast = (rate_row("cache", "Cache", "GET", [(int(rate), 10**9) for rate in runs]) for runs in (FAST, SLOW))
    assert compare(result(slow), result(fast), 0.05)[0].says == "better"
    assert compare(result(fast), result(slow), 0.05)[0].says == "worse"


def test_the_first_good_result_is_golden_and_stays_so_until_another_is_accepted(tmp_path: Path) -> None:
    first, later = result(latency(FAST)), result(latency(SLOW), "2026-01-02T00:00:00+00:00")
    assert held_against(tmp_path, first, 0.05) == first
    assert keep(tmp_path, first, accept=False)
    held = held_against(tmp_path, later, 0.05)
    assert [change.metric for change in held.regressed] == ["p50", "p99"]
    assert held.golden == first.when
    assert "2 WORSE THAN THE GOLDEN RUN" in "\n".join(lines(held))
    assert not keep(tmp_path, held, accept=False)
    assert held_against(tmp_path, later, 0.05).regressed
    assert keep(tmp_path, held, accept=True)
    assert not held_against(tmp_path, later, 0.05).regressed
    kept = sorted(path.name for path in (tmp_path / "a-processor-2c" / "full").iterdir())
    assert kept == ["2026-01-01T000000+0000.json", "2026-01-02T000000+0000.json", "golden.json"]


def test_a_row_without_a_target_fails_nothing(tmp_path: Path) -> None:
    first, later = (result(msgspec.structs.replace(latency(runs), target=None)) for runs in (FAST, SLOW))
    keep(tmp_path, first, accept=True)
    assert held_against(tmp_path, later, 0.05).changes == []


def test_a_result_that_misses_a_target_never_becomes_golden_by_itself(tmp_path: Path) -> None:
    row = msgspec.structs.replace(latency(FAST), verdict="failed")
    assert not keep(tmp_path, result(row), accept=False)


def test_a_damaged_golden_result_is_an_error_that_names_it(tmp_path: Path) -> None:
    keep(tmp_path, result(latency(FAST)), accept=True)
    golden = tmp_path / "a-processor-2c" / "full" / "golden.json"
    golden.write_bytes(golden.read_bytes()[:-20])
    with pytest.raises(BaselineError, match=r"golden\.json: .* measure, and --accept it"):
        held_against(tmp_path, result(latency(FAST)), 0.1)
    with pytest.raises(BaselineError, match="expected a benchmark's JSON file"):
        read_result(tmp_path / "none.json")


def test_a_regression_fails_the_command_even_where_no_target_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = iter([latency(FAST), latency([3 * run for run in FAST]), latency([3 * run for run in FAST])])
    row = Section("Messages", ("messages",), lambda *_: ([next(rows)], {}))
    monkeypatch.setattr(suite.run, "__defaults__", ((row,),))
    given = ["--quick", "--baselines", str(tmp_path), "--output", str(tmp_path / "out.json")]
    assert command.main(given) == 0
    assert "golden from now on for" in capsys.readouterr().out
    assert command.main(given) == 1
    assert "→ 306μs (3.00x, p 0.008): worse" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["changes"][0]["says"] == "worse"
    assert command.main([*given, "--accept"]) == 0
