"""Each store saved, wiped and loaded onto a fresh server: what is counted and hashed afterwards is what was before."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats
import pytest

from tests.servers.cache import CacheServer
from tests.servers.chdb import PASSWORD, make_server
from tests.servers.nats import NatsServer, seed
from tests.servers.postgres import PostgresServer, free_port
from tests.servers.postgres import _as_postgres as as_postgres
from tests.servers.postgres import _program as program

ROOT = Path(__file__).parents[2]
BACKUP = ROOT / "roles/backup/files/cift_backup.py"


class Keys:
    def __init__(self, folder: Path) -> None:
        file = folder / "identity"
        subprocess.run(["age-keygen", "-o", file], check=True, capture_output=True)
        self.identity = file.read_text()
        self.recipient = subprocess.run(
            ["age-keygen", "-y", file], check=True, capture_output=True, text=True
        ).stdout.strip()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def ask(action: str, order: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-B", str(BACKUP), action], input=json.dumps(order), env=environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def done(action: str, order: dict[str, Any]) -> dict[str, Any]:
    answer = ask(action, order)
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout))


class Unit:
    """A server that the program stops and starts by commands: files that a thread here answers to."""

    def __init__(self, folder: Path, start: Callable[[], None], stop: Callable[[], None]) -> None:
        import threading

        self.folder, self.calls = folder, {"start": start, "stop": stop}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while not self.over.wait(0.02):
            for name, call in self.calls.items():
                if (asked := self.folder / name).exists():
                    call()
                    asked.unlink()

    def command(self, name: str) -> list[str]:
        asked = self.folder / name
        return ["sh", "-c", f'touch "{asked}"; while [ -e "{asked}" ]; do sleep 0.02; done']

    def order(self, data: Path) -> dict[str, Any]:
        return {"data": str(data), "start": self.command("start"), "stop": self.command("stop")}

    def close(self) -> None:
        self.over.set()
        self.thread.join(60)


def round_trip(order: dict[str, Any], keys: Keys, archive: Path, spoil: Callable[[], None]) -> dict[str, Any]:
    order = {**order, "archive": str(archive)}
    saved = done("save", {**order, "recipients": [keys.recipient]})
    assert all(row["exact"] for row in saved["counts"].values())
    spoil()
    load = {**order, "identity": keys.identity, "sha256": saved["sha256"], "expected": saved["counts"]}
    refused = ask("load", load)
    assert refused.returncode == 1
    assert "holds data" in refused.stderr
    loaded = done("load", {**load, "replace": True})
    for name, row in saved["counts"].items():
        assert loaded["counts"][name]["hash"] == row["hash"], name
    assert Path(done("keep", load)["aside"]).is_dir()
    assert done("undo", load) == {"undone": False}
    return {"saved": saved, "load": load, "loaded": loaded}


def nats_call(server: NatsServer, work: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        client = await nats.connect(server.url, nkeys_seed_str=seed("admin").decode())
        try:
            return await work(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(run())


async def fill(js: Any) -> None:
    await js.add_stream(name="ORDERS", subjects=["orders.*"])
    for number in range(1200):
        await js.publish("orders.AAPL", b"%d" % number, headers={"Nats-Msg-Id": str(number)})
    await js.pull_subscribe("orders.*", durable="engine", stream="ORDERS")
    bucket = await js.create_key_value(bucket="state", history=5)
    for number in range(5):
        await bucket.put("engine", b"%d" % number)
    store = await js.create_object_store("files")
    await store.put("big", os.urandom(700_000))


def nats_order(server: NatsServer, unit: Unit) -> dict[str, Any]:
    order = {"kind": "nats", "url": server.url, "seed": seed("admin").decode()}
    return {**order, **unit.order(server.folder / "js")}


def test_nats_streams_buckets_objects_and_consumers_come_back(
    nats_server: NatsServer, keys: Keys, tmp_path: Path
) -> None:
    nats_call(nats_server, fill)
    unit = Unit(tmp_path, nats_server.start, nats_server.stop)
    try:
        seen = round_trip(
            nats_order(nats_server, unit), keys, tmp_path / "nats.age",
            lambda: nats_call(nats_server, lambda js: js.publish("orders.AAPL", b"later")),
        )  # fmt: skip
        assert seen["saved"]["counts"]["ORDERS"]["rows"] == 1200
        assert set(seen["saved"]["counts"]) == {"ORDERS", "KV_state", "OBJ_files"}
        consumer = nats_call(nats_server, lambda js: js.consumer_info("ORDERS", "engine"))
        assert consumer.num_pending == 1200
    finally:
        unit.close()


def test_damage_is_found_before_anything_is_touched(nats_server: NatsServer, keys: Keys, tmp_path: Path) -> None:
    nats_call(nats_server, fill)
    unit = Unit(tmp_path, nats_server.start, nats_server.stop)
    try:
        order = {**nats_order(nats_server, unit), "archive": str(tmp_path / "nats.age")}
        saved = done("save", {**order, "recipients": [keys.recipient]})
        whole = (tmp_path / "nats.age").read_bytes()
        process = nats_server.process
        load = {
            **order,
            "identity": keys.identity,
            "sha256": saved["sha256"],
            "expected": saved["counts"],
            "replace": True,
        }
        other = tmp_path / "other"
        other.mkdir()
        flipped = whole[:-5000] + bytes([whole[-5000] ^ 1]) + whole[-4999:]
        for content, update, said in (
            (flipped, {}, "checksum"),
            (whole[:-100], {}, "checksum"),
            (whole, {"identity": Keys(other).identity}, "can't be decrypted"),
        ):
            (tmp_path / "nats.age").write_bytes(content)
            answer = ask("load", {**load, **update})
            assert (answer.returncode, said in answer.stderr) == (1, True), answer.stderr
            assert keys.identity.split()[-1] not in answer.stderr
        assert nats_server.process is process
        assert done("count", order)["counts"]["ORDERS"]["rows"] == 1200
    finally:
        unit.close()


def test_a_killed_load_is_taken_back_by_the_next_and_a_failed_one_at_once(
    nats_server: NatsServer, keys: Keys, tmp_path: Path
) -> None:
    nats_call(nats_server, fill)
    unit = Unit(tmp_path, nats_server.start, nats_server.stop)
    try:
        order = {**nats_order(nats_server, unit), "archive": str(tmp_path / "nats.age")}
        saved = done("save", {**order, "recipients": [keys.recipient]})
        load = {
            **order,
            "identity": keys.identity,
            "sha256": saved["sha256"],
            "expected": saved["counts"],
            "replace": True,
        }
        wrong = {**saved["counts"], "ORDERS": {**saved["counts"]["ORDERS"], "rows": 7}}
        failed = ask("load", {**load, "expected": wrong})
        assert failed.returncode == 1
        assert "ORDERS: found 1200 rows" in failed.stderr
        assert done("count", order)["counts"]["ORDERS"]["rows"] == 1200
        # Killed after the old folder was set aside: the new server has nothing.
        data = tmp_path / "nats" / "js"
        nats_server.stop()
        data.rename(data.with_name("js.restore-aside"))
        nats_server.start()
        assert done("count", order)["counts"] == {}
        refused = ask("load", {**load, "replace": False})
        assert "holds data" in refused.stderr
        assert done("count", order)["counts"]["ORDERS"]["rows"] == 1200
        assert not data.with_name("js.restore-aside").exists()
    finally:
        unit.close()


def test_a_full_disk_leaves_no_archive(nats_server: NatsServer, keys: Keys, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a small file system is mounted by root alone")
    nats_call(nats_server, fill)
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", small], check=True)
    try:
        order = {"kind": "nats", "url": nats_server.url, "seed": seed("admin").decode()}
        answer = ask("save", {**order, "archive": str(small / "nats.age"), "recipients": [keys.recipient]})
        assert answer.returncode == 1
        assert "no space left" in answer.stderr.lower()
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_the_cache_comes_back(cache_server: CacheServer, keys: Keys, tmp_path: Path) -> None:
    import redis

    def link() -> Any:
        return redis.Redis(port=cache_server.port, username=cache_server.user, password=cache_server.password)

    with link() as client:
        client.set("text", b"\x00\xff\r\n")
        client.hset("hash", mapping={"b": "2", "a": "1"})
        client.rpush("list", "x", "y", "x")
        client.sadd("set", "p", "q")
        client.zadd("zset", {"one": 1.5, "two": 2})
        client.xadd("stream", {"field": "value"})
        client.set("soon", "gone", ex=3600)
    unit = Unit(tmp_path, cache_server.start, cache_server.kill)
    # The test's server keeps its users in its folder, so its data is set aside as a folder of its own.
    data = tmp_path / "data"
    data.mkdir()
    order = {"kind": "cache", "host": "127.0.0.1", "port": cache_server.port, "user": cache_server.user}
    order = {**order, "password": cache_server.password, **unit.order(data)}

    def spoil() -> None:
        with link() as client:
            client.set("later", 1)

    try:
        seen = round_trip(order, keys, tmp_path / "cache.age", spoil)
        assert seen["saved"]["counts"]["keys"]["rows"] == 6
        with link() as client:
            assert 3000 < client.ttl("soon") <= 3600
            assert client.get("later") is None
    finally:
        unit.close()


def test_the_analytics_tables_come_back(keys: Keys, tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.start()
    unit = Unit(tmp_path, server.start, lambda: server.stop() and None)
    order = {"kind": "clickhouse", "url": server.url, "user": "cift", "password": PASSWORD, **unit.order(server.path)}
    try:
        with server.client() as client:
            for statement in (
                "CREATE DATABASE cift",
                "CREATE TABLE cift.ticks (ts DateTime64(9, 'UTC'), symbol LowCardinality(String), price Decimal64(8))"
                " ENGINE = MergeTree ORDER BY (symbol, ts)",
                "CREATE TABLE cift.bars (symbol String, high AggregateFunction(max, Decimal64(8)),"
                " rows SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree ORDER BY symbol",
                "CREATE MATERIALIZED VIEW cift.bars_view TO cift.bars AS SELECT symbol, maxState(price) AS high,"
                " count() AS rows FROM cift.ticks GROUP BY symbol",
                "CREATE TABLE cift.empty (a UInt8) ENGINE = MergeTree ORDER BY a",
                "INSERT INTO cift.ticks SELECT toDateTime64(number, 9, 'UTC'), 'S' || toString(number % 5), number / 8"
                " FROM numbers(50000)",
            ):
                client.command(statement)

        def spoil() -> None:
            with server.client() as client:
                client.command("INSERT INTO cift.empty VALUES (1)")

        seen = round_trip(order, keys, tmp_path / "clickhouse.age", spoil)
        assert seen["loaded"]["counts"]["cift.ticks"]["rows"] == 50000
        assert seen["loaded"]["counts"]["cift.empty"]["rows"] == 0
        with server.client() as client:
            client.command("INSERT INTO cift.ticks VALUES (now64(9), 'NEW', 1)")
            assert client.query("SELECT count() FROM cift.bars WHERE symbol = 'NEW'").result_rows == [(1,)]
    finally:
        unit.close()
        server.stop()


def test_the_database_comes_back(keys: Keys, tmp_path: Path) -> None:
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="cift-backup-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    initdb = [
        program("initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        "cift",
        "-A",
        "trust",
        "--no-sync",
        "--locale=C.UTF-8",
    ]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **as_postgres())  # type: ignore[call-overload]
    server = PostgresServer(folder, free_port())
    server.start()
    unit = Unit(tmp_path, server.start, server.stop)
    psql = [program("psql"), "-XAtq", "-h", str(folder), "-p", str(server.port), "-U", "cift", "-d", "postgres", "-c"]
    order = {"kind": "postgresql", "run_as": [], "programs": str(Path(program("psql")).parent), "socket": str(folder)}
    order = {**order, "port": server.port, "user": "cift", **unit.order(folder / "data")}
    if not (Path(order["programs"]) / "pg_basebackup").exists():
        order["programs"] = "/usr/bin"
    try:
        table = "CREATE TABLE accounts AS SELECT n AS id, md5(n::text) AS name FROM generate_series(1, 20000) n"
        subprocess.run([*psql, table], check=True)
        spoil = [*psql, "DELETE FROM accounts WHERE id > 5"]
        seen = round_trip(order, keys, tmp_path / "pg.age", lambda: subprocess.run(spoil, check=True) and None)
        assert seen["loaded"]["counts"]["postgres/public.accounts"]["rows"] == 20000
    finally:
        unit.close()
        server.stop()
        shutil.rmtree(folder)
