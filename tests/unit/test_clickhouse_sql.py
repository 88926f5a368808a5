"""Migrations as text, and the query for bars."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cift.core.clickhouse.bars import INTERVALS, bars_query, nanoseconds
from cift.core.clickhouse.cluster import distributed, on_cluster, with_engines
from cift.core.clickhouse.migrations import statements
from cift.core.clickhouse.selection import EXECUTIONS, POSITIONS, check_limit, check_user, rows_query
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


def test_a_table_of_a_cluster_is_a_part_on_each_host_and_one_in_front() -> None:
    text = "CREATE TABLE IF NOT EXISTS t (a Int64) ENGINE = {engine:MergeTree} ORDER BY a"
    placed = on_cluster(f"{text} SETTINGS non_replicated_deduplication_window = 7", "cift")
    assert placed.in_shards
    assert placed.table == "t"
    assert placed.sql == (
        "CREATE TABLE IF NOT EXISTS t ON CLUSTER cift (a Int64) ENGINE = ReplicatedMergeTree"
        "('/clickhouse/tables/{shard}/{database}/{table}', '{replica}') ORDER BY a "
        "SETTINGS replicated_deduplication_window = 7"
    )
    assert distributed("t", "symbol, ts", "d", "cift") == (
        "CREATE OR REPLACE TABLE `d`.t ON CLUSTER cift AS `d_shard`.t\n"
        "ENGINE = Distributed('cift', 'd_shard', 't', cityHash64(symbol))"
    )


def test_views_of_a_cluster_are_where_their_rows_are() -> None:
    bars = on_cluster("CREATE VIEW IF NOT EXISTS v AS SELECT 1", "cift")
    fed = on_cluster("CREATE MATERIALIZED VIEW IF NOT EXISTS m TO t AS SELECT 1", "cift")
    assert (bars.sql, bars.in_shards, bars.table) == (
        "CREATE VIEW IF NOT EXISTS v ON CLUSTER cift AS SELECT 1",
        False,
        "",
    )
    assert (fed.sql, fed.in_shards, fed.table) == (
        "CREATE MATERIALIZED VIEW IF NOT EXISTS m ON CLUSTER cift TO t AS SELECT 1",
        True,
        "",
    )
    changed = on_cluster("ALTER TABLE t\n    MODIFY COLUMN a CODEC(ZSTD(1))", "cift")
    assert changed.sql.startswith("ALTER TABLE t ON CLUSTER cift\n    MODIFY COLUMN a")
    assert (changed.in_shards, changed.table) == (True, "t")
    asked = on_cluster("ALTER TABLE m\n    MODIFY QUERY SELECT 1", "cift")
    assert (asked.sql, asked.in_shards, asked.table) == (
        "ALTER TABLE m ON CLUSTER cift\n    MODIFY QUERY SELECT 1",
        True,
        "",
    )


def test_what_only_one_host_would_do_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"found 'INSERT INTO t SELECT 1', expected ALTER TABLE or CREATE"):
        on_cluster("INSERT INTO t SELECT 1", "cift")


def test_one_server_s_checksums_are_those_that_it_has_stored() -> None:
    """A file of a released schema never changes: servers that have it would refuse every later one."""
    assert {m.number: m.checksum[:16] for m in load_migrations("clickhouse")} == {
        1: "958e4b3a30524d81",
        2: "07b214cbfbbdc71d",
        3: "22fdc52f0e9510ac",
        4: "18a7f0d0cf6aad58",
        5: "bdca7d496e9dff4f",
        6: "7c78956864696712",
        7: "34bba0a9b54ce436",
    }


def test_the_schemas_can_be_read() -> None:
    for dialect in ("clickhouse", "postgresql"):
        assert [m.number for m in load_migrations(dialect)] == list(range(1, len(load_migrations(dialect)) + 1))
    for migration in load_migrations("clickhouse"):
        repeatable = re.compile(
            r"CREATE .*?IF NOT EXISTS|ALTER TABLE \w+\s+(MODIFY|ADD COLUMN IF NOT EXISTS)", re.DOTALL
        )
        assert all(repeatable.match(statement) for statement in statements(migration.sql))
        assert all(on_cluster(statement, "cift").sql for statement in statements(migration.sql))


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


def test_rows_are_chosen_by_bound_values() -> None:
    start = 1_767_225_600 * 10**9
    query = rows_query(POSITIONS, start, start + 1, account_id=7, symbol=None, limit=3)
    assert query.params == {"first": start, "last": start + 1, "account_id": 7, "limit": 3}
    assert "t.account_id = {account_id:UInt64}" in query.sql
    assert "{symbol" not in query.sql
    assert query.sql.endswith("ORDER BY ts, stream_seq LIMIT {limit:UInt64}")


def test_a_position_in_two_columns_is_asked_for_as_one() -> None:
    sql = rows_query(EXECUTIONS, 1, 2).sql
    assert sql.startswith(
        "SELECT * EXCEPT (pos_high) REPLACE (toString(t.symbol) AS symbol, toString(t.side) AS side, "
    )
    assert "toUInt32(t.pos_high * 65536 + t.pos) AS pos) FROM trade_executions AS t FINAL" in sql
    assert sql.endswith("ORDER BY ts, command_seq, t.pos_high, t.pos")


@pytest.mark.parametrize("wrong", [-1, 2**64, True, 1.5, "1", None])
def test_accounts_are_numbers(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"user_id: found .*, expected an account's number"):
        check_user(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [0, -5, True, 2.0])
def test_limits_are_numbers(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"limit: found .*, expected at least 1"):
        check_limit(wrong)  # type: ignore[arg-type]
