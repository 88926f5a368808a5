"""The market data benchmark measures what it says, and judges VWAP alone; nothing here looks at the clock's verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cift.benchmarks import market_data


def test_every_contest_has_two_sides_that_agree() -> None:
    found = list(market_data.compare(2_000, 3))
    assert [one.name for one in found][:2] == ["VWAP of two columns", "VWAP of (n, 2) ticks"]
    assert all(one.core_us >= 0 and one.numpy_us >= 0 for one in found)


def test_sides_that_disagree_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_data, "_contests", lambda rows: iter([("x", lambda: 1.0, lambda: 2.0)]))
    with pytest.raises(ValueError, match="x: the core and numpy find different values"):
        next(market_data.compare(1_000, 3))


@pytest.mark.parametrize(("numpy_us", "status"), [(2.0, 0), (1.9, 1)])
def test_the_report_and_the_status(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, numpy_us: float, status: int
) -> None:
    rows = [market_data.Comparison("VWAP", 1.0, numpy_us), market_data.Comparison("OFI", 9.0, 1.0)]
    monkeypatch.setattr(market_data, "compare", lambda rows_, rounds: iter(rows))
    monkeypatch.setattr(market_data, "stream", lambda updates, rounds: iter([market_data.Streaming("RSI", 1.0, 1.0)]))
    app = typer.Typer()
    app.command()(market_data.main)
    report = tmp_path / "report.json"
    result = CliRunner().invoke(app, ["--rows", "1000", "--rounds", "3", "--output", str(report)])
    assert result.exit_code == status
    assert ("VWAP is 1.90 times as fast as numpy, wanted 2 times" in result.output) == bool(status)
    found = json.loads(report.read_text())
    assert [one["name"] for one in found["measures"]] == ["VWAP", "OFI"]
    assert {"cpu", "kernel"} <= set(found["hardware"])
    assert "numpy" in found["versions"]
