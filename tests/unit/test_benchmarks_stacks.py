"""The harness of `make bench`: turns, claims, words, and what it writes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cift.benchmarks import queries
from cift.benchmarks.core.environments import UnavailableError
from cift.benchmarks.stacks import __main__ as program
from cift.benchmarks.stacks import page, servers, words
from cift.benchmarks.stacks.claims import CLAIMS, verdicts
from cift.benchmarks.stacks.result import Part, Result
from cift.benchmarks.stacks.rows import Case, Found, Row, case, in_turns
from cift.benchmarks.stacks.sections import all_sections, s4_analytics
from cift.benchmarks.stacks.setting import Setting, quick

GUIDE = Path(__file__).parents[2] / "cift" / "benchmarks" / "stacks" / "queries"


def row(stack: str, *runs: float, unit: str = "ms", why: str = "") -> Row:
    return Row(what="a query", system=f"the {stack} one", stack=stack, unit=unit, runs=list(runs), why=why)  # type: ignore[arg-type]


def test_contestants_take_turns_and_a_first_round_is_not_kept() -> None:
    order: list[str] = []

    def contestant(name: str) -> int:
        order.append(name)
        return len(order)

    found = in_turns({"a": lambda: contestant("a"), "b": lambda: contestant("b")}, 2)
    assert order == ["a", "b"] * 3
    assert found == {"a": [3, 5], "b": [4, 6]}
    order.clear()
    assert in_turns({"a": lambda: contestant("a")}, 2, warm_up=False) == {"a": [1, 2]}


def test_a_factor_is_how_many_times_better_the_new_one_is() -> None:
    (times,) = case("analytics", "w", row("old", 900.0, 1_000.0, 1_100.0), row("new", 10.0))
    (rates,) = case("cache", "w", row("old", 100.0, unit="per s"), row("new", 50.0, unit="per s"))
    assert (times.factor, rates.factor) == (100.0, 0.5)


def test_what_could_not_be_measured_is_no_case_and_units_are_not_mixed() -> None:
    assert case("cache", "w", row("old", 1.0), row("new", why="not installed")) == []
    with pytest.raises(ValueError, match="ms can't be compared with ns"):
        case("cache", "w", row("old", 1.0), row("new", 1.0, unit="ns"))


@pytest.mark.parametrize(
    ("factors", "says"),
    [((), "not measured"), ((120.0, 100.0), "holds"), ((120.0, 3.0), "holds in part"), ((9.0, 0.5), "does not hold")],
)
def test_a_claim_is_held_against_its_cases(factors: tuple[float, ...], says: str) -> None:
    cases = [Case(claim="analytics", when=f"{factor}", old=factor, new=1.0, unit="ms") for factor in factors]
    (verdict,) = (one for one in verdicts(cases) if one.claim.key == "analytics")
    assert verdict.says == says
    assert [one.factor for one in verdict.cases] == sorted(factors, reverse=True)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ns", "–"),
        (824.0, "ns", "824 ns"),
        (8_240.0, "ns", "8.24 μs"),
        (12.5, "ms", "12.5 ms"),
        (1_500.0, "ms", "1.50 s"),
        (0.4, "us", "400 ns"),
        (1_350_000.0, "per s", "1.35M/s"),
        (12.0, "per s", "12.0/s"),
    ],
)
def test_figures_are_written_as_people_read_them(value: float | None, unit: str, text: str) -> None:
    assert words.figure(value, unit) == text  # type: ignore[arg-type]


def result_of(*parts: Part, quick: bool = False) -> Result:
    hardware: dict[str, object] = {"cpu": "a processor", "cores": 2, "memory_gib": 4.0, "kernel": "6.1"}
    return Result(
        when="now", hardware=hardware, versions={}, load=(0.0, 1.0), quick=quick, settings={"rounds": "5"},
        parts=list(parts),
    )  # fmt: skip


def test_the_page_has_every_row_every_claim_and_what_is_missing(tmp_path: Path) -> None:
    old, new, gone = row("old", 1_000.0, 1_200.0), row("new", 5.0), row("beside", why="not in the packages")
    cases = case("analytics", "a query", old, new)
    text = page.write(
        result_of(Part(title="A part", about="about", rows=[old, new, gone], cases=cases)), tmp_path
    ).read_text()
    assert "| Analytics: PostgreSQL → ClickHouse | 10 s → 100 ms, 100x | 220x | holds |" in text
    assert "* Holds for: a query, 220x (1.10 s → 5.00 ms)." in text
    assert "| a query | the old one | 1.10 s | 1.00 s to 1.20 s |" in text
    assert "|  | **the new one** | 5.00 ms | 5.00 ms |" in text
    assert "* Not measured: a query, the beside one: not in the packages" in text
    assert all(claim.what in text for claim in CLAIMS)
    assert "measure nothing" not in text


def test_a_quick_page_says_that_its_figures_are_none(tmp_path: Path) -> None:
    assert "measure nothing" in page.write(result_of(quick=True), tmp_path).read_text()


def test_sections_come_in_the_order_of_their_files() -> None:
    found = all_sections()
    assert list(found) == ["matching", "cache", "serialization", "analytics", "messages"]
    assert all(section.TITLE and section.ABOUT for section in found.values())


def setting(tmp_path: Path) -> Setting:
    return quick(tmp_path, lambda text: None)


@pytest.mark.parametrize("error", [UnavailableError("no java"), ValueError("no java\nmore"), OSError("no java")])
def test_a_section_that_fails_is_a_row_with_the_reason(tmp_path: Path, error: Exception) -> None:
    class Failing:
        TITLE, ABOUT = "t", "a"

        def measure(self, setting: Setting) -> list[Found]:
            raise error

    part = program.measured(Failing(), setting(tmp_path))  # type: ignore[arg-type]
    assert [(one.what, one.why) for one in part.rows] == [("t", "no java")]


def test_an_unknown_section_is_named_and_nothing_is_measured(tmp_path: Path) -> None:
    app = program.typer.Typer()
    app.command()(program.main)
    ended = CliRunner().invoke(app, ["--only", "nonsense", "--output", str(tmp_path / "out.json")])
    assert ended.exit_code == 2
    assert "nonsense: no such section; there are matching, cache" in ended.output
    assert not (tmp_path / "out.json").exists()


def test_a_server_that_is_missing_or_ends_says_why(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no-such-server is not installed here; it is in the package some"):
        servers.program("no-such-server", package="some")
    command = ["/bin/sh", "-c", "echo the port is taken >&2; exit 3"]
    with (
        pytest.raises(UnavailableError, match="sh ended with 3: the port is taken"),
        servers.running(command, servers.free_port(), tmp_path / "log"),
    ):
        pytest.fail("it runs")


def test_a_server_is_ended_whatever_happens(tmp_path: Path) -> None:
    command = ["/bin/sleep", "60"]
    with (
        pytest.raises(KeyError),
        servers.running(command, 1, tmp_path / "log", ready=lambda: True) as process,
    ):
        raise KeyError
    assert process.returncode == -15


def test_both_databases_have_the_same_ten_questions() -> None:
    ours, peers = queries.load(), queries.load(GUIDE)
    assert [query.name for query in ours] == [query.name for query in peers]
    assert len(ours) == 10
    assert all(query.sql.startswith("-- ") and query.title for query in ours)


ANSWER = pa.table({"symbol": ["A", "B"], "minute": [1_704_205_800, 1_704_205_860], "price": [1.0, 2.0]})
MOMENTS = [datetime.fromtimestamp(second, UTC) for second in ANSWER["minute"].to_pylist()]
RECORDS = [
    {"symbol": "A", "minute": MOMENTS[0], "price": 1.0},
    {"symbol": "B", "minute": MOMENTS[1], "price": 2.0 + 1e-9},
]


def test_answers_may_differ_in_last_digits_alone() -> None:
    s4_analytics.same("q", RECORDS, ANSWER)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (RECORDS[:1], "q: PostgreSQL answers 1 rows, ClickHouse 2"),
        ([RECORDS[0], RECORDS[1] | {"price": 2.1}], "q, row 1, price: PostgreSQL 2.1, ClickHouse 2.0"),
        ([RECORDS[0], RECORDS[1] | {"symbol": "C"}], "q, row 1, symbol"),
        ([RECORDS[0] | {"minute": MOMENTS[1]}, RECORDS[1]], "q, row 0, minute"),
    ],
)
def test_other_answers_are_refused(records: list[dict[str, object]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        s4_analytics.same("q", records, ANSWER)  # type: ignore[arg-type]
