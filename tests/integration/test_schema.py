"""`cift schema` against the real ClickHouse engine, PostgreSQL and NATS; and what the tables promise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from cift.core.clickhouse.migrations import ClickHouseMigrations
from cift.core.config import Settings, get_settings
from cift.core.migrations import MigrationError, load_migrations, migrate, read_migrations
from cift.ops.cli import app
from tests.servers.chdb import ChdbServer
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer
from tests.servers.questdb import QuestDBServer

TABLES = {
    *("ticks_analytics", "bars_analytics", "order_book_snapshots", "trade_executions", "position_history_analytics"),
    *("technical_indicators", "order_flow_features", "strategy_performance", "account_snapshots"),
    "order_events",
}


@pytest.fixture
def environment(
    chdb_server: ChdbServer, postgres_server: PostgresServer, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The environment of a fresh stack; yields the name of the ClickHouse database, which doesn't exist yet."""
    name = "schema_cli_test"
    values = {**chdb_server.environment, **nats_server.environment("admin"), "CLICKHOUSE_DB": name}
    values |= {"DATABASE_HOST": postgres_server.host, "DATABASE_PORT": str(postgres_server.port)}
    values |= {"DATABASE_USER": postgres_server.user, "DATABASE_PASSWORD": postgres_server.password}
    values["DATABASE_NAME"] = postgres_server.database
    for key, value in values.items():
        monkeypatch.setenv(key, value)
    get_settings.cache_clear()
    yield name
    get_settings.cache_clear()
    with chdb_server.client() as client:
        client.command(f"DROP DATABASE IF EXISTS {name} SYNC")


def test_apply_twice_and_look(environment: str) -> None:
    run = CliRunner().invoke
    before = run(app, ["schema", "status", "--json"])
    assert before.exit_code == 3
    pending = json.loads(before.stdout)["migrations"]
    assert {row["state"] for row in pending} == {"pending"}
    assert {row["system"] for row in pending} == {"clickhouse", "postgresql"}
    first = run(app, ["schema", "apply", "--json"])
    assert first.exit_code == 0, first.output
    result = json.loads(first.stdout)
    assert result["changed"] is True
    assert "clickhouse: applied 001_market_data" in result["changes"]
    assert "nats: created ORDERS" in result["changes"]
    second = run(app, ["schema", "apply", "--json"])
    assert json.loads(second.stdout) == {"changed": False, "changes": []}
    assert run(app, ["schema", "apply"]).stdout.startswith("nothing to do")
    after = run(app, ["schema", "status"])
    assert after.exit_code == 0
    assert "pending" not in after.stdout


def test_questdb_belongs_to_it_where_it_is_enabled(
    environment: str, questdb_server: QuestDBServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in questdb_server.environment().items():
        monkeypatch.setenv(key, value)
    get_settings.cache_clear()
    first = CliRunner().invoke(app, ["schema", "apply", "--json"])
    assert "questdb: applied 001_market_data" in json.loads(first.stdout)["changes"], first.output
    assert json.loads(CliRunner().invoke(app, ["schema", "apply", "--json"]).stdout)["changed"] is False
    assert "applied  questdb     001_market_data" in CliRunner().invoke(app, ["schema", "status"]).stdout
    monkeypatch.setenv("QUESTDB_PASSWORD", "wrong")
    get_settings.cache_clear()
    refused = CliRunner().invoke(app, ["schema", "status"])
    assert (refused.exit_code, len(refused.stderr.strip().splitlines())) == (1, 1)
    assert "found no such user and password; check QUESTDB_" in refused.stderr


def test_an_absent_server_is_one_sentence(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKHOUSE_PORT", "1")
    get_settings.cache_clear()
    result = CliRunner().invoke(app, ["schema", "apply"])
    assert result.exit_code == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("cift schema apply: ClickHouse at 127.0.0.1:1: ")


@pytest.fixture
def settings(chdb_server: ChdbServer, clickhouse_database: str) -> Settings:
    return Settings.model_validate({**chdb_server.environment, "CLICKHOUSE_DB": clickhouse_database})


@pytest.fixture
async def client(chdb_server: ChdbServer, settings: Settings) -> Client:
    async with ClickHouseMigrations(settings) as executor:
        await migrate(executor, load_migrations("clickhouse"))
    return chdb_server.client(settings.clickhouse_db)


async def test_the_tables(client: Client) -> None:
    tables = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    assert {row[0] for row in client.query(tables).result_rows} == TABLES | {"schema_migrations"}
    here = "database = currentDatabase() AND table IN {tables:Array(String)}"
    uncommented = f"SELECT table, name FROM system.columns WHERE {here} AND comment = ''"
    assert client.query(uncommented, {"tables": sorted(TABLES)}).result_rows == []
    plain = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN {tables:Array(String)} "
        "AND (partition_key = '' OR NOT engine_full LIKE '%TTL%' OR comment = '')"
    )
    assert client.query(plain, {"tables": sorted(TABLES)}).result_rows == []
    uncoded = (
        f"SELECT table, name, type FROM system.columns WHERE {here} AND compression_codec = '' "
        "AND NOT match(type, 'LowCardinality|Enum|AggregateFunction\\\\(arg')"
    )
    assert client.query(uncoded, {"tables": sorted(TABLES)}).result_rows == []


async def test_the_view_of_one_minute_bars(client: Client) -> None:
    client.command(
        "INSERT INTO ticks_analytics (ts, symbol, price, quantity, side, seq) SELECT "
        "toStartOfMinute(now('UTC')) - 60 + number, 'A', 10 + number, 2, 'buy', number FROM numbers(60)"
    )
    bar = client.query("SELECT open, high, low, close, volume, vwap, trades FROM bars_1m WHERE symbol = 'A'")
    assert bar.result_rows == [(10.0, 69.0, 10.0, 69.0, 120.0, 39.5, 60)]


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.sql").write_text(text)
    return path


async def test_a_changed_file_stops_before_anything_runs(settings: Settings, client: Client, tmp_path: Path) -> None:
    table = "CREATE TABLE {0} (a Int64) ENGINE = {{engine:MergeTree}} ORDER BY a; -- no; 'end'\nSELECT ';'"
    client.command("DROP TABLE schema_migrations SYNC")
    path = folder(tmp_path / "sql", **{"001_one": table.format("one")})
    async with ClickHouseMigrations(settings) as executor:
        assert len(await migrate(executor, read_migrations(path))) == 1
        assert await migrate(executor, read_migrations(path)) == []
        folder(path, **{"001_one": table.format("other"), "002_two": table.format("two")})
        with pytest.raises(MigrationError, match=r"001_one\.sql: found checksum .* restore the file"):
            await migrate(executor, read_migrations(path))
    assert client.command("EXISTS TABLE two") == 0


async def test_a_broken_file_is_named_and_not_recorded(settings: Settings, client: Client, tmp_path: Path) -> None:
    client.command("DROP TABLE schema_migrations SYNC")
    path = folder(tmp_path / "sql", **{"001_bad": "SELECT 1;\nSELECT absent"})
    async with ClickHouseMigrations(settings) as executor:
        with pytest.raises(MigrationError, match=r"001_bad\.sql: statement 2: .*UNKNOWN_IDENTIFIER"):
            await migrate(executor, read_migrations(path))
        assert await executor.applied() == {}
