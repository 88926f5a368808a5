"""What the roles clickhouse and clickhouse_keeper write, read by ClickHouse's engine, for one host and for three."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from cift.core.clickhouse.cluster import distributed, on_cluster, with_engines
from cift.core.clickhouse.migrations import statements
from cift.core.migrations import load_migrations
from tests.integration.test_schema_cluster import without_keeper
from tests.servers.clickhouse_config import Rendered, ask, install, render, speak_as

ONE = {"ch1": {}}
THREE = {
    f"ch{number}": {
        "cift_private_address": f"10.0.0.1{number}",
        "clickhouse_listen": f"10.0.0.1{number}",
        "clickhouse_keeper_mode": "embedded",
        "clickhouse_keeper_server_id": number,
    }
    for number in (1, 2, 3)
}
SCHEMA = [s for migration in load_migrations("clickhouse") for s in statements(migration.sql)]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    rendered = render(tmp_path_factory.mktemp("one"), ONE, steps=["clickhouse refuse", "clickhouse configure"])
    assert rendered.status == 0, rendered.output
    install(rendered.server("ch1"))
    return rendered


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    folder = tmp_path_factory.mktemp("three")
    clients = ["10.0.0.0/24"]
    rendered = render(folder, THREE, clickhouse_tls=True, clickhouse_keeper_tls=True, clickhouse_clients=clients)
    assert rendered.status == 0, rendered.output
    for host in THREE:
        install(rendered.server(host))
    return rendered


def copy(rendered: Rendered, folder: Path, host: str = "ch1") -> Path:
    """A copy to spoil; its tables are still those of the original."""
    server = folder / "clickhouse-server"
    shutil.copytree(rendered.server(host), server, ignore=shutil.ignore_patterns("data"))
    install(server)
    return server


def test_nobody_is_called_default(one: Rendered, tmp_path: Path) -> None:
    """The engine itself can't sign in: it would be `default`, whom the package has without a password."""
    server = copy(one, tmp_path)
    (server / "users.d/zzz-test.xml").unlink()
    install(server, grants=None)
    with pytest.raises(RuntimeError, match="default: Authentication failed"):
        ask(server, "SELECT 1")


def test_users_profiles_and_quotas(three: Rendered) -> None:
    users, profiles, quotas = ask(
        three.server("ch1"),
        "SELECT name, auth_type, host_ip, host_names FROM system.users WHERE name != 'default' ORDER BY name",
        "SELECT profile_name, setting_name, value, writability FROM system.settings_profile_elements "
        "WHERE setting_name IN ('readonly', 'max_threads', 'insert_quorum', 'async_insert') ORDER BY ALL",
        "SELECT name, keys, apply_to_list, max_queries FROM system.quotas JOIN system.quota_limits "
        "ON name = quota_name WHERE name != 'default' ORDER BY name",
    )
    assert [name for name, *_ in users] == ["api", "benchmark", "cift", "recorder"]
    assert {tuple(kinds) for _, kinds, *_ in users} == {("sha256_password",)}
    assert all(sorted(ips) == ["10.0.0.0/24", "10.0.0.11"] and names == ["localhost"] for _, _, ips, names in users)
    assert ["reader", "readonly", "2", "CONST"] in profiles
    assert ["reader", "max_threads", "6", "CONST"] in profiles
    assert ["writer", "insert_quorum", "auto", None] in profiles
    assert ["writer", "async_insert", "0", None] in profiles
    assert quotas == [
        ["owner", ["user_name"], ["cift"], None],
        ["reader", ["user_name"], ["api"], 1_000_000],
        ["writer", ["user_name"], ["benchmark", "recorder"], None],
    ]


def test_one_host_is_no_cluster(one: Rendered) -> None:
    server = one.server("ch1")
    assert not (server / "config.d/zz-cift-cluster.xml").exists()
    macros, ports, quorum = ask(
        server,
        "SELECT * FROM system.macros",
        "SELECT name, value FROM system.server_settings WHERE name IN ('tcp_port', 'mysql_port', "
        "'interserver_http_port', 'background_pool_size', 'logger.log') AND changed ORDER BY name",
        "SELECT count() FROM system.settings_profile_elements WHERE setting_name = 'insert_quorum'",
    )
    assert macros == []
    assert dict(ports) == {"background_pool_size": "6"}
    assert quorum == [[0]]


@pytest.mark.parametrize("host", THREE)
def test_macros_and_cluster_of_each_host(three: Rendered, host: str) -> None:
    macros, hosts, settings = ask(
        three.server(host),
        "SELECT macro, substitution FROM system.macros",
        "SELECT cluster, shard_num, replica_num, host_name, port, internal_replication FROM system.clusters "
        "ORDER BY ALL",
        "SELECT name, value FROM system.server_settings WHERE changed",
    )
    assert dict(macros) == {"cluster": "cift", "shard": "01", "replica": host}
    assert hosts == [["cift", 1, n, f"10.0.0.1{n}", 9440, 1] for n in (1, 2, 3)]
    found = dict(settings)
    assert found["interserver_https_port"] == "9010"
    assert found["interserver_http_host"] == THREE[host]["cift_private_address"]
    assert found["distributed_ddl.path"] == "/clickhouse/task_queue/ddl"
    assert found["openSSL.server.privateKeyFile"] == "/etc/cift/tls/clickhouse.key"
    assert found["openSSL.client.verificationMode"] == "strict"
    assert "openSSL.server.dhParamsFile" not in found


def elements(path: Path) -> Any:
    return ElementTree.fromstring(path.read_text())


def test_what_the_engine_doesn_t_read_itself(one: Rendered, three: Rendered) -> None:
    """Ports, Keepers: the text alone is looked at."""
    plain = elements(one.server("ch1") / "config.d/zz-cift.xml")
    under_tls = elements(three.server("ch2") / "config.d/zz-cift.xml")
    assert (plain.findtext("http_port"), plain.findtext("tcp_port")) == ("8123", "9001")
    assert plain.findtext("prometheus/port") == "9363"
    assert (under_tls.findtext("https_port"), under_tls.findtext("tcp_port_secure")) == ("8443", "9440")
    for port in ("http_port", "tcp_port", "mysql_port", "postgresql_port", "interserver_http_port"):
        assert under_tls.find(port).attrib == {"remove": "remove"}
    assert under_tls.findtext("protocols/metrics_under_tls/port") == "9363"
    assert under_tls.find("prometheus/port") is None
    cluster = elements(three.server("ch2") / "config.d/zz-cift-cluster.xml")
    nodes = [
        (node.findtext("host"), node.findtext("port"), node.findtext("secure")) for node in cluster.find("zookeeper")
    ]
    assert nodes == [(f"10.0.0.1{n}", "9181", "1") for n in (1, 2, 3)]
    assert cluster.findtext("remote_servers/cift/secret") == "secret_cluster"
    keeper = elements(three.server("ch2") / "config.d/zz-cift-keeper.xml").find("keeper_server")
    assert keeper.findtext("server_id") == "2"
    raft = [tuple(part.text for part in member) for member in keeper.findall("raft_configuration/server")]
    assert raft == [(str(n), f"10.0.0.1{n}", "9234") for n in (1, 2, 3)]


def test_secrets_are_for_the_server_alone(three: Rendered) -> None:
    for path in three.server("ch1").glob("*.d/zz-cift*.xml"):
        assert path.stat().st_mode & 0o777 == 0o640, path
    assert "secret_cluster" not in three.output
    assert all("secret_api" not in path.read_text() for path in three.server("ch1").glob("*.d/*.xml"))


def test_shards(tmp_path: Path) -> None:
    hosts = {host: {**values, "clickhouse_shard": f"0{1 + (host == 'ch3')}"} for host, values in THREE.items()}
    rendered = render(tmp_path, hosts)
    assert rendered.status == 0, rendered.output
    install(rendered.server("ch3"))
    rows, macros = ask(
        rendered.server("ch3"),
        "SELECT shard_num, host_name, port FROM system.clusters ORDER BY ALL",
        "SELECT substitution FROM system.macros WHERE macro = 'shard'",
    )
    assert rows == [[1, "10.0.0.11", 9001], [1, "10.0.0.12", 9001], [2, "10.0.0.13", 9001]]
    assert macros == [["02"]]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.d/zzzz-broken.xml", "<clickhouse><macros>"),
        (
            "users.d/zzzz-broken.xml",
            "<clickhouse><users><api><grants><query>GRANT CLUSTER ON d.*</query></grants></api></users></clickhouse>",
        ),
        (
            "users.d/zzzz-broken.xml",
            "<clickhouse><profiles><writer><max_threds>3</max_threds></writer></profiles></clickhouse>",
        ),
    ],
)
def test_a_broken_fragment_is_found(one: Rendered, tmp_path: Path, file: str, text: str) -> None:
    server = copy(one, tmp_path)
    (server / file).write_text(text)
    with pytest.raises(RuntimeError):
        ask(server, "SELECT 1")


def test_each_user_can_do_its_work_and_no_more(one: Rendered) -> None:
    """The engine's own user is given the profile and the rights of each in turn."""
    server = one.server("ch1")
    speak_as(server, "cift")
    ask(
        server,
        "CREATE DATABASE cift_analytics",
        "USE cift_analytics",
        *map(with_engines, SCHEMA),
        "INSERT INTO ticks_analytics (ts, symbol, price, quantity) VALUES (now64(9), 'A', 1, 1)",
    )
    for forbidden in ("CREATE DATABASE other", "CREATE USER x", "SELECT * FROM file('/etc/passwd', 'LineAsString')"):
        with pytest.raises(RuntimeError, match="Not enough privileges"):
            ask(server, forbidden)
    speak_as(server, "recorder")
    into = "INSERT INTO cift_analytics.ticks_analytics (ts, symbol, price, quantity) VALUES (now64(9), 'A', 3, 1)"
    *_, found = ask(server, into, "SELECT high FROM cift_analytics.bars_1m")
    assert max(found) == [3.0]
    with pytest.raises(RuntimeError, match="Not enough privileges"):
        ask(server, "DROP TABLE cift_analytics.ticks_analytics")
    speak_as(server, "benchmark")
    scratch = "cift_analytics.benchmark_1a2b"
    ask(
        server,
        f"CREATE TABLE {scratch} (a Int64) ENGINE = MergeTree ORDER BY a",
        f"INSERT INTO {scratch} SELECT number FROM numbers(3)",
        f"DROP TABLE {scratch}",
    )
    for forbidden in (into, "SELECT count() FROM cift_analytics.ticks_analytics", "DROP DATABASE cift_analytics"):
        with pytest.raises(RuntimeError, match="Not enough privileges"):
            ask(server, forbidden)
    speak_as(server, "api")
    assert ask(server, "SELECT count() FROM cift_analytics.ticks_analytics") == [[[2]]]
    for forbidden in (into, "SELECT 1 SETTINGS max_threads = 64", "SELECT 1 SETTINGS readonly = 0"):
        with pytest.raises(
            RuntimeError,
            match=r"Not enough privileges|Cannot execute query in readonly|should not be changed|Cannot modify",
        ):
            ask(server, forbidden)


def test_the_owner_may_make_the_cluster_s_tables(three: Rendered) -> None:
    """Without ON CLUSTER and the replicas' engines, as test_schema_cluster.py says; here it is about rights."""
    server = three.server("ch1")
    speak_as(server, "cift")
    made = [on_cluster(statement, "cift") for statement in SCHEMA]
    wanted = ["CREATE DATABASE cift_analytics", "CREATE DATABASE cift_analytics_shard"]
    for placed in made:
        wanted += [f"USE cift_analytics{'_shard' if placed.in_shards else ''}", without_keeper(placed.sql)]
        if placed.table:
            wanted.append(
                without_keeper(distributed(placed.table, "symbol", "cift_analytics", "cift")).replace(
                    "cityHash64(symbol)", "rand()"
                )
            )
    ask(server, *wanted)


def test_backups_go_to_their_disk_and_come_back(one: Rendered, tmp_path: Path) -> None:
    server = one.server("ch1")
    speak_as(server, "cift")
    made = ask(
        server,
        "CREATE DATABASE IF NOT EXISTS cift_analytics",
        "CREATE TABLE cift_analytics.kept (a Int64) ENGINE = MergeTree ORDER BY a AS SELECT number FROM numbers(10)",
        "BACKUP TABLE cift_analytics.kept TO Disk('backups', 'b1')",
        "DROP TABLE cift_analytics.kept SYNC",
        "RESTORE TABLE cift_analytics.kept FROM Disk('backups', 'b1')",
        "SELECT sum(a) FROM cift_analytics.kept",
    )
    assert made[-1] == [[45]]
    assert (one.folder / "ch1/backups/b1").exists()
    with pytest.raises(RuntimeError, match="Not enough privileges"):
        ask(server, f"BACKUP TABLE cift_analytics.kept TO File('{tmp_path}/elsewhere')")


def test_the_log_of_queries_forgets(one: Rendered) -> None:
    server = one.server("ch1")
    install(server)
    *_, tables = ask(
        server,
        "SELECT 1",
        "SYSTEM FLUSH LOGS",
        "SELECT name, engine_full FROM system.tables WHERE database = 'system' AND name IN ('query_log', 'trace_log')",
    )
    assert [name for name, _ in tables] == ["query_log"]
    assert "TTL event_date + toIntervalDay(30)" in tables[0][1]


def test_verify_reads_every_row(tmp_path: Path) -> None:
    """No server runs: the rows say so, and none of the checks is one that can't be read."""
    hosts = {"ch1": {"clickhouse_keeper_mode": "embedded", "clickhouse_keeper_server_id": 1}}
    done = render(tmp_path, hosts, steps=["clickhouse verify", "clickhouse_keeper verify"])
    assert done.status == 0, done.output
    rows = json.loads((tmp_path / "ch1/rows.json").read_text())
    names = {row["setting"] for row in rows}
    assert {"sign-in without a password", "metrics", "HTTP port", "the Keeper leads or follows"} <= names
    assert "clickhouse-server" in names
    # Ports are read by `ss`, which not every machine that runs the tests has.
    unread = {row["setting"] for row in rows if row["wanted"] == "readable"}
    assert unread <= {"native port", "HTTP port", "metrics port", "servers connect"}


UNIT = "[Unit]\nDescription=ClickHouse Server\n[Service]\nType=notify\nUser=daemon\nRestart=always\nRestartSec=30\n"


@pytest.mark.parametrize("name", ["clickhouse-server", "clickhouse-keeper"])
def test_systemd_reads_the_drop_in(tmp_path: Path, name: str) -> None:
    hosts = {"k1": {"clickhouse_keeper_mode": "separate", "clickhouse_keeper_server_id": 1}}
    steps = (
        ["clickhouse_keeper configure"]
        if name == "clickhouse-keeper"
        else ["clickhouse refuse", "clickhouse configure"]
    )
    rendered = render(tmp_path, hosts, steps=steps)
    assert rendered.status == 0, rendered.output
    units = tmp_path / "k1"
    (units / f"{name}.service").write_text(f"{UNIT}ExecStart=/bin/sleep 1\n")
    assert "RestartSec=500ms" in (units / f"{name}.service.d/60-cift.conf").read_text()

    def verify() -> str:
        # The manager's own folders after ours: what a unit needs by itself is there.
        environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
        command = ["systemd-analyze", "verify", "--man=no", str(units / f"{name}.service")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return "\n".join(line for line in done.stderr.splitlines() if str(tmp_path) in line)

    assert verify() == ""
    with (units / f"{name}.service.d/60-cift.conf").open("a") as drop_in:
        drop_in.write("RestartSecs=1\n")
    assert "RestartSecs" in verify()
