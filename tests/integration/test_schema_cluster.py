"""The schema as a cluster has it, run by ClickHouse's real engine as far as one process without Keeper can.

chDB has neither Keeper nor the queue of ON CLUSTER. So the migrations run here as on a cluster, with two things taken
out of each statement on its way: ` ON CLUSTER cift`, and the `Replicated` of an engine with its path. What is shown:
both databases, the Distributed tables in front, the views, every change of columns, inserts and questions of clients
through them, over a cluster of one shard. What isn't: that replicas get each other's rows, and that a second host does
the same. The statements in full are shown to be read by the engine, which then asks for what it hasn't got.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from cift.core.clickhouse.cluster import on_cluster
from cift.core.clickhouse.connection import Connection, Params
from cift.core.clickhouse.migrations import ClickHouseMigrations, statements
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.config import Settings
from cift.core.migrations import load_migrations, migrate
from tests.servers.chdb import PASSWORD, ChdbServer, free_port, write_users

# The engine takes a replica at an address of its own and its native port for itself, and asks it without a socket.
CONFIG = """
<clickhouse>
  <users_config>{users}</users_config>
  <tcp_port>9000</tcp_port>
  <macros><cluster>cift</cluster><shard>01</shard><replica>one</replica></macros>
  <remote_servers><cift><shard><internal_replication>true</internal_replication>
    <replica><host>127.0.0.1</host><port>9000</port></replica></shard></cift></remote_servers>
</clickhouse>
"""
USERS = """
<clickhouse><profiles><default><distributed_foreground_insert>1</distributed_foreground_insert></default></profiles>
  <quotas><default/></quotas>
  <users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default>
  </users></clickhouse>
"""
REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']+', '\{replica\}'\)")


def without_keeper(sql: str) -> str:
    sql = sql.replace(" ON CLUSTER cift", "").replace("replicated_deduplication", "non_replicated_deduplication")
    return REPLICATED.sub(r"\1", sql)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbServer]:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "users.xml").write_text(USERS)
    (folder / "config.xml").write_text(CONFIG.format(users=folder / "users.xml"))
    users = write_users(folder / "users.json", cift=PASSWORD)
    server = ChdbServer(folder / "chdb", free_port(), users, arguments=("--config-file", str(folder / "config.xml")))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def settings(server: ChdbServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Settings]:
    command = Connection.command

    async def run(self: Connection, sql: str, params: Params | None = None) -> Any:
        return await command(self, without_keeper(sql), params)

    monkeypatch.setattr(Connection, "command", run)
    settings = Settings.model_validate(
        {**server.environment, "CLICKHOUSE_DB": "analytics", "CLICKHOUSE_CLUSTER": "cift"}
    )
    async with ClickHouseMigrations(settings) as executor:
        await migrate(executor, load_migrations("clickhouse"))
        yield settings
        # A host that comes later has none of it: everything is run again, and changes nothing where it is.
        with server.client() as client:
            client.command("TRUNCATE TABLE analytics.schema_migrations")
        await migrate(executor, load_migrations("clickhouse"))
        assert len(await executor.applied()) == len(load_migrations("clickhouse"))


async def test_clients_find_in_front_what_the_shards_hold(server: ChdbServer, settings: Settings) -> None:
    client = server.client()
    kinds = "SELECT name, engine FROM system.tables WHERE database = {d:String} ORDER BY name"
    front = dict(client.query(kinds, {"d": "analytics"}).result_rows)
    shards = dict(client.query(kinds, {"d": "analytics_shard"}).result_rows)
    assert front.pop("schema_migrations") == "ReplacingMergeTree"
    assert front.pop("bars_1m") == "View"
    assert shards.pop("bars_analytics_from_ticks") == "MaterializedView"
    assert front.keys() == shards.keys()
    assert set(front.values()) == {"Distributed"}
    columns = (
        "SELECT name, type, comment, compression_codec FROM system.columns "
        "WHERE database = {d:String} AND table = {t:String}"
    )
    for table in front:
        in_front, held = (
            client.query(columns, {"d": d, "t": table}).result_rows for d in ("analytics", "analytics_shard")
        )
        assert in_front == held
    keys = dict(client.query("SELECT name, engine_full FROM system.tables WHERE database = 'analytics'").result_rows)
    assert keys["ticks_analytics"] == ("Distributed('cift', 'analytics_shard', 'ticks_analytics', cityHash64(symbol))")
    assert keys["account_snapshots"].endswith("cityHash64(account_id))")


async def test_inserts_and_questions_go_through(server: ChdbServer, settings: Settings) -> None:
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    ticks = [
        {"ts": start + timedelta(seconds=i), "symbol": "A", "price": 10.0 + i, "quantity": 2.0, "side": "buy"}
        | {"seq": i, "pos": 70_000 - i, "stream_seq": i + 1}
        for i in range(60)
    ]
    async with ClickHouseManager(settings) as manager:
        for _ in range(2):
            await manager.insert_ticks(ticks, token="MARKET_DATA 1-60")
        assert await manager.last_stream_seq("ticks_analytics") == 60
        bars = await manager.get_bars("A", "1m", start, start + timedelta(minutes=1))
        assert bars.select("open", "high", "low", "close", "volume", "trades").rows() == [
            (10.0, 69.0, 10.0, 69.0, 120.0, 60)
        ]
        assert (await manager.get_ticks("A", start, start + timedelta(minutes=1)))["pos"].to_list() == [
            70_000 - i for i in range(60)
        ]
        assert (await manager.get_bars("A", "30s", start, start + timedelta(minutes=1)))["trades"].to_list() == [30, 30]
    with server.client() as client:
        assert client.command("SELECT count() FROM analytics_shard.ticks_analytics") == 60
        assert client.query("SELECT trades FROM analytics.bars_1m").result_rows == [(60,)]


@pytest.fixture
def plain(server: ChdbServer) -> Iterator[Client]:
    with server.client() as client:
        yield client


def in_full() -> list[str]:
    return [on_cluster(s, "cift").sql for m in load_migrations("clickhouse") for s in statements(m.sql)]


def test_the_engine_reads_every_statement_in_full(plain: Client) -> None:
    for sql in in_full():
        assert plain.command(f"EXPLAIN AST {sql}")
    with pytest.raises(DatabaseError, match="Replicated DDL queries are disabled"):
        plain.command(in_full()[0])


def test_the_engine_asks_for_keeper_when_a_table_is_replicated(plain: Client) -> None:
    plain.command("CREATE DATABASE IF NOT EXISTS asks")
    for sql in (sql for sql in in_full() if "Replicated" in sql):
        sql = sql.replace(" ON CLUSTER cift", "").replace("EXISTS ", "EXISTS asks.", 1)
        with pytest.raises(DatabaseError, match="NO_ZOOKEEPER"):
            plain.command(sql)
