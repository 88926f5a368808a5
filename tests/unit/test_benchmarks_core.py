"""The harness of `make bench-core`: its flow, its contestants, its verdicts and what it writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from cift_core import FastOrderBook
from cift_core.dtypes import CANCEL, COMMAND_DTYPE, FILL, REJECTED
from typer.testing import CliRunner

from cift.benchmarks.core import __main__ as program
from cift.benchmarks.core import environments, flow, page, plot, words
from cift.benchmarks.core.contestant import Contest
from cift.benchmarks.core.result import Part, Result
from cift.benchmarks.core.rows import Row, Target, percentiles
from cift.benchmarks.core.sections import all_sections
from cift.benchmarks.core.setting import ROOT, Setting

RUNNER = ROOT / "cift" / "benchmarks" / "core" / "peers" / "runner.py"
SECTION = "One operation in Rust"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> flow.Flow:
    return flow.make(tmp_path_factory.mktemp("flow"), resting=200, operations=3_000)


@pytest.fixture
def setting(made: flow.Flow, tmp_path: Path) -> Setting:
    return Setting(tmp_path, flow.path(made), 1, 2, 5.0, min(os.sched_getaffinity(0)), True, lambda text: None)


def commands_of(made: flow.Flow) -> np.ndarray:
    return np.fromfile(made.commands, dtype=COMMAND_DTYPE)


def test_the_flow_is_mixed_as_asked_and_can_be_carried_out_whole(made: flow.Flow) -> None:
    commands = commands_of(made)
    assert commands.size == 200 + 3_000
    book = FastOrderBook("TEST", tick_size=flow.TICK)
    book.submit_batch(commands[:200])
    events = book.submit_batch(commands[200:])
    fills = events[events["kind"] == FILL]
    assert not (events["kind"] == REJECTED).any()
    assert (fills["quantity"].sum(), len(book)) == (made.traded, made.resting)
    assert np.mean(commands["op"][200:] == CANCEL) == pytest.approx(0.3, abs=0.03)
    takers = np.unique(fills["order_id"])
    assert takers.size / 3_000 == pytest.approx(0.1, abs=0.02)


def test_orders_that_take_leave_nothing_behind(made: flow.Flow) -> None:
    commands, fills = commands_of(made), np.fromfile(made.fills, dtype=flow.FILL_DTYPE)
    for number in np.unique(fills["command"]):
        assert fills["quantity"][fills["command"] == number].sum() == commands["quantity"][number]


def test_the_same_seed_draws_the_same_flow(made: flow.Flow, tmp_path: Path) -> None:
    again = flow.make(tmp_path / "again", resting=200, operations=3_000)
    other = flow.make(tmp_path / "other", resting=200, operations=3_000, seed=2)
    assert Path(again.commands).read_bytes() == Path(made.commands).read_bytes()
    assert Path(other.commands).read_bytes() != Path(made.commands).read_bytes()


def test_a_contestant_is_measured_and_its_fills_are_held_against_the_flow(setting: Setting) -> None:
    options = ["--rounds", "{rounds}", "--seconds", "{seconds}"]
    contest = Contest("s", "n", [sys.executable, str(RUNNER), "cift_call", "{flow}", "{samples}", *options], note="x")
    contest.run(setting, setting.flow)
    contest.run(setting, setting.flow)
    row = contest.row()
    assert row.why == ""
    assert row.operations == 3_000
    assert row.value is not None
    assert row.best is not None
    assert row.p50 is not None
    assert row.max is not None
    assert row.best <= row.value
    assert row.p50 <= row.max
    assert "same fills" in row.note


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/no/such/program"], "No such file"),
        ([sys.executable, "-c", "import sys; sys.exit('a peer: its reason')"], "a peer: its reason"),
        ([sys.executable, "-c", "print('no json')"], "its output can't be read"),
        ([sys.executable, "-c", ""], "its output can't be read"),
    ],
)
def test_a_contestant_that_fails_becomes_a_row_with_the_reason(setting: Setting, command: list[str], why: str) -> None:
    contest = Contest("s", "n", command, note="")
    contest.run(setting, setting.flow)
    assert why in contest.row().why
    assert contest.row().verdict == "not measured"


def test_other_fills_than_ours_are_told(setting: Setting) -> None:
    said = '{"runs": [[10, 100]], "expected": 5, "traded": 4}'
    contest = Contest("s", "n", [sys.executable, "-c", f"print('{said}')"], note="x")
    contest.run(setting, setting.flow)
    assert "OTHER FILLS" in contest.row().note
    assert contest.row().value == 10.0


def test_a_peer_without_a_version_for_this_python_is_unavailable(setting: Setting) -> None:
    with pytest.raises(environments.UnavailableError, match="no-such-package: no version in bench"):
        environments.python(setting, "no-such-package")


def test_every_peer_is_locked_with_hashes() -> None:
    wanted = [line.split("[")[0] for line in (ROOT / "requirements" / "bench.in").read_text().split("\n")[1:] if line]
    locked = environments.LOCK.read_text()
    for package in wanted:
        assert f"\n{package.replace('_', '-')}==" in f"\n{locked}"
    assert locked.count("--hash=sha256:") > len(wanted)


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({"value": 25.0, "p99": 99.0}, "met"),
        ({"value": 25.1, "p99": 99.0}, "missed"),
        ({"value": 20.0}, "missed"),
        ({}, "not measured"),
    ],
)
def test_a_row_meets_its_targets_or_misses_them(figures: dict[str, float], verdict: str) -> None:
    targets = [Target("value", "<=", 25.0), Target("p99", "<=", 100.0)]
    assert Row(section="s", name="n", unit="ns", targets=targets, **figures).verdict == verdict


def test_percentiles_are_medians_of_runs_and_the_worst_is_kept() -> None:
    quiet, disturbed = np.full(1_000, 40), np.full(1_000, 9_000)
    found = percentiles([quiet, disturbed, quiet])
    assert (found.p50, found.p99) == (40.0, 40.0)
    assert found.max == pytest.approx(9_000, rel=0.01)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "0"), (0.00004, "4e-05"), (0.31, "0.31"), (31.66, "31.7"), (1234.5, "1,234")]
)
def test_figures_have_the_digits_that_they_deserve(value: float | None, text: str) -> None:
    assert words.figure(value) == text


def result_of(*parts: Part) -> Result:
    hardware: dict[str, object] = {"cpu": "a processor", "cores": 2, "memory_gib": 4.0, "kernel": "6.1"}
    settings: dict[str, object] = {"operations": 10}
    return Result(when="now", hardware=hardware, versions={}, load=(0.0, 1.0), settings=settings, parts=list(parts))


def test_the_page_has_every_row_and_its_plots_are_well_formed(tmp_path: Path) -> None:
    ours = Row(
        section=SECTION, name="ours", unit="ns", ours=True, value=25.0, p50=20.0, targets=[Target("p50", "<=", 9)]
    )
    peer = Row(section=SECTION, name="a <peer>", unit="ns", value=2_500.0, note="does not match")
    gone = Row(section=SECTION, name="gone", unit="ns", why="no wheel")
    sizes = [
        Row(section="Cost by the number of resting orders", name=f"{at}", unit="ns", value=30.0, at=at)
        for at in (1e3, 1e6)
    ]
    title = "Cost by the number of resting orders"
    written = page.write(result_of(Part(SECTION, "about", [ours, peer, gone]), Part(title, "curve", sizes)), tmp_path)
    text = (tmp_path / "performance-core.md").read_text()
    assert "| One operation in Rust | ours | p50 ≤ 9 ns | 20.0 ns | **missed** |" in text
    assert "not measured: no wheel" in text
    assert [path.name for path in written] == [
        "performance-core-rust.svg",
        "performance-core-resting.svg",
        "performance-core.md",
    ]
    for path in written[:-1]:
        assert f"]({path.name})" in text
        assert ElementTree.parse(path).getroot().tag.endswith("svg")


@pytest.mark.parametrize("draw", [plot.bars, plot.curve])
def test_a_plot_of_nothing_is_still_a_plot(draw: Callable[[str, list[Row]], str]) -> None:
    assert ElementTree.fromstring(draw("nothing", [])).tag.endswith("svg")


def test_sections_come_in_the_order_of_their_files() -> None:
    found = all_sections()
    assert list(found)[:5] == ["machine", "rust", "python", "batches", "resting"]
    assert all(section.TITLE and section.ABOUT for section in found.values())


def test_a_section_that_fails_does_not_end_the_run(setting: Setting) -> None:
    class Failing:
        TITLE, ABOUT = "t", "a"

        def measure(self, setting: Setting) -> list[Row]:
            raise ValueError("a reason")

    part = program._part(Failing(), replace(setting))  # type: ignore[arg-type]
    assert part.rows[0].why == "a reason"


def test_an_unknown_section_is_named_and_nothing_is_measured(tmp_path: Path) -> None:
    app = program.typer.Typer()
    app.command()(program.main)
    ended = CliRunner().invoke(app, ["--only", "nonsense", "--output", str(tmp_path / "out.json")])
    assert ended.exit_code == 2
    assert "nonsense: no such section; there are machine, rust, python" in ended.output
    assert not (tmp_path / "out.json").exists()


def test_a_section_measures_through_the_command(tmp_path: Path) -> None:
    app = program.typer.Typer()
    app.command()(program.main)
    output = tmp_path / "out.json"
    options = [
        "--quick",
        "--only",
        "batches",
        "--output",
        str(output),
        "--folder",
        str(tmp_path),
        "--docs",
        str(tmp_path),
    ]
    ended = CliRunner().invoke(app, options)
    assert ended.exit_code == 0, ended.output
    found = msgspec.json.decode(output.read_bytes(), type=Result)
    assert any(row.name == "10,000 commands a call" and row.value for row in found.rows)
    assert "Batches from Python" in (tmp_path / "performance-core.md").read_text()
