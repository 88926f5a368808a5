"""cift replay into the core, with real order flow and with generated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cift.core.orderflow import OrderFlowError, generate
from cift.ops.cli import app
from cift.ops.replay import ReplayError, ReplayResult, replay_file, replay_generated
from cift.ops.replay.core_target import CoreTarget

DATA = Path(__file__).parents[3] / "shared" / "data" / "orderflow"
MESSAGES = DATA / "aapl-lobster-10-message.csv"
BOOK = DATA / "aapl-lobster-10-orderbook.csv"
QUIET = Console(quiet=True)

needs_data = pytest.mark.skipif(not MESSAGES.exists(), reason=f"the order flow of others is not at {DATA}")

# Bids 10.00 x 5 and 9.99 x 7, one ask, two levels; then one event per row.
SMALL_MESSAGES = """34200,1,1,5,100000,1
34201,1,2,3,100100,1
34202,4,1,2,100000,1
34203,3,2,3,100100,1
34204,2,99,4,99900,1
"""
SMALL_BOOK = """100500,9,100000,5,9999999999,0,99900,7
100500,9,100100,3,9999999999,0,100000,5
100500,9,100100,3,9999999999,0,100000,5
100500,9,100000,5,9999999999,0,99900,7
100500,9,100000,5,9999999999,0,99900,3
"""


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Path]:
    messages, book = tmp_path / "message.csv", tmp_path / "orderbook.csv"
    messages.write_text(SMALL_MESSAGES)
    book.write_text(SMALL_BOOK)
    return messages, book


def replay(messages: Path, book: Path | None = None) -> ReplayResult:
    return replay_file(messages, CoreTarget("AAPL"), compare=book, console=QUIET)


@needs_data
def test_real_order_flow_differs_in_no_row_that_the_messages_can_tell() -> None:
    result = replay(MESSAGES, BOOK)
    assert (result.rows, result.told, result.differing) == (999, 681, 0)
    assert (result.errors, result.out_of_turn) == (0, 0)
    assert result.fills >= 98


@needs_data
def test_a_wrong_row_is_found(tmp_path: Path) -> None:
    lines = BOOK.read_text().splitlines()
    price, size, *rest = lines[500].split(",")
    lines[500] = ",".join([price, str(int(size) + 1), *rest])
    wrong = tmp_path / "orderbook.csv"
    wrong.write_text("\n".join(lines) + "\n")
    assert replay(MESSAGES, wrong).differing == 1


def test_an_execution_out_of_price_priority_shows(small: tuple[Path, Path]) -> None:
    """Row 3's execution at 10.00 meets the better bid at 10.01 first: the book differs, and the turn is noticed."""
    result = replay(*small)
    assert result.out_of_turn == 1
    assert result.differing > 0


def test_an_unknown_order_uses_up_the_seeded_one(small: tuple[Path, Path]) -> None:
    messages, book = small
    keep = [0, 4]
    messages.write_text("".join(SMALL_MESSAGES.splitlines(keepends=True)[line] for line in keep))
    book.write_text("".join(SMALL_BOOK.splitlines(keepends=True)[line] for line in keep))
    result = replay(messages, book)
    assert (result.rows, result.told, result.differing, result.skipped) == (2, 2, 0, 0)


def test_without_a_book_unknown_orders_are_skipped(small: tuple[Path, Path]) -> None:
    result = replay(small[0])
    assert (result.skipped, result.errors, result.rows) == (1, 0, 0)


def test_a_book_of_another_length_is_refused(small: tuple[Path, Path]) -> None:
    messages, book = small
    book.write_text(SMALL_BOOK.partition("\n")[0] + "\n")
    with pytest.raises(ReplayError, match=r"orderbook.csv: 1 rows, expected one for each of 5"):
        replay(messages, book)


def test_a_bad_line_stops_before_the_first_order(small: tuple[Path, Path]) -> None:
    messages, _ = small
    messages.write_text(SMALL_MESSAGES + "34205,1,3,x,100000,1\n")
    target = CoreTarget("AAPL")
    with pytest.raises(OrderFlowError, match=r"message.csv:6: size 'x'"):
        replay_file(messages, target, console=QUIET)
    assert target.place("buy", 1.0, 1.0, "GTC").order_id == 1


def test_generated_flow_fills_exactly_as_it_says() -> None:
    result = replay_generated(4000, 3, CoreTarget("X"), console=QUIET)
    executed = [event for event in generate(4000, 3) if event.kind == "execute"]
    assert (result.fills, result.errors, result.out_of_turn, result.skipped) == (len(executed), 0, 0, 0)
    assert result.commands == result.events == 4000
    assert result.latency_us.keys() == {"mean", "p50", "p90", "p95", "p99", "p999", "max"}


def test_a_replay_leaves_the_book_empty_and_needs_it_empty() -> None:
    target = CoreTarget("X")
    replay_generated(500, 1, target, console=QUIET)
    assert target.book(1, lambda book: True) == ((), ())
    target.place("buy", 10.0, 5.0, "GTC")
    with pytest.raises(ReplayError, match=r"the book is not empty .bid 5 at 10.*name another --symbol"):
        replay_generated(500, 1, target, console=QUIET)


@needs_data
def test_the_command(tmp_path: Path) -> None:
    report = tmp_path / "reports" / "replay.json"
    arguments = ["replay", str(MESSAGES), "--core", "--compare", str(BOOK), "--json", str(report)]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert "rows whose book differs" in run.output
    assert json.loads(report.read_text())["differing"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv", "--core"], "nowhere.csv: No such file"),
        (["--compare", "book.csv", "--core"], "--compare needs the message file"),
        ([], "CIFT_API_KEY is empty"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CIFT_API_KEY", raising=False)
    run = CliRunner().invoke(app, ["replay", *arguments])
    assert run.exit_code == 2
    assert message in run.output
    assert len(run.output.strip().splitlines()) == 1


def test_a_difference_is_status_1(small: tuple[Path, Path]) -> None:
    messages, book = small
    run = CliRunner().invoke(app, ["replay", str(messages), "--core", "--compare", str(book)])
    assert run.exit_code == 1
