"""Migrations as text, and the query for bars."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cift.core.clickhouse.bars import INTERVALS, bars_query, nanoseconds
from cift.core.clickhouse.migrations import statements, with_engines
from cift.core.migrations import Migration, MigrationError, compare, load_migrations, read_migrations


def test_statements_end_at_semicolons_that_mean_it() -> None:
    sql = "-- a; comment\nSELECT ';', 'it''s', '\\';', `a;b`; /* ; */ SELECT 4/2-1 -- last;\n;;\n"
    assert list(statements(sql)) == ["SELECT ';', 'it''s', '\\';', `a;b`", "SELECT 4/2-1"]


def test_an_open_quote_is_named() -> None:
    with pytest.raises(MigrationError, match="line 2: a quote is not closed"):
        list(statements("SELECT 1;\nSELECT 'x"))


def test_engines_for_one_server_and_for_replicas() -> None:
    assert with_engines("ENGINE = {engine:ReplacingMergeTree}") == "ENGINE = ReplacingMergeTree"
    path = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
    assert with_engines("{engine:MergeTree}", replicated=True) == f"ReplicatedMergeTree({path})"


def test_the_schemas_can_be_read() -> None:
    for dialect in ("clickhouse", "postgresql"):
        assert [m.number for m in load_migrations(dialect)] == list(range(1, len(load_migrations(dialect)) + 1))
    for migration in load_migrations("clickhouse"):
        repeatable = re.compile(r"CREATE .*?IF NOT EXISTS|ALTER TABLE \w+\s+MODIFY", re.DOTALL)
        assert all(repeatable.match(statement) for statement in statements(migration.sql))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["001_a", "003_b"], "found number 3, expected 2"),
        (["001_a", "001_b"], "found number 1, expected 2"),
        (["one"], "one.sql: found an unexpected file name"),
    ],
)
def test_numbers_without_gaps(tmp_path: Path, names: list[str], sentence: str) -> None:
    for name in names:
        (tmp_path / f"{name}.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match=sentence):
        read_migrations(tmp_path)


def test_an_older_release_works_on_a_newer_schema() -> None:
    first = Migration(1, "a", "", "x")
    assert compare([first], {1: "x", 2: "y"})[0].applied
    with pytest.raises(MigrationError, match="not applied though a later one is"):
        compare([first, Migration(2, "b", "", "y")], {1: "x", 3: "z"})


def test_moments() -> None:
    exact = 1_767_225_600_123_456_000
    moment = datetime(2026, 1, 1, 0, 0, 0, 123456)
    assert nanoseconds("start", moment) == nanoseconds("start", moment.replace(tzinfo=UTC)) == exact
    assert nanoseconds("start", exact) == exact
    for wrong in (True, "2026-01-01", None, -1, float("inf")):
        with pytest.raises(ValueError, match="start: found"):
            nanoseconds("start", wrong)  # type: ignore[arg-type]


def test_bars_are_whole() -> None:
    start = 1_767_225_601 * 10**9
    params = bars_query("AAPL", "5m", start, start + 10**9 * 600).params
    assert params == {"symbol": "AAPL", "seconds": 300, "start": 1_767_225_900, "end": 1_767_226_500}
    assert all(86400 % seconds == 0 for seconds in INTERVALS.values())
