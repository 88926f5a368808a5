"""PostgreSQL against ClickHouse's engine: ten questions to the same day of ticks."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import asyncpg
import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from cift.benchmarks import queries
from cift.benchmarks.queries import Query
from cift.benchmarks.stacks import postgres, servers
from cift.benchmarks.stacks.rows import Found, Row, case, in_turns
from cift.benchmarks.stacks.setting import Setting
from cift.benchmarks.ticks import SYMBOL, Ticks, ticks

TITLE = "Analytics: PostgreSQL against ClickHouse's engine"
ABOUT = (
    "The same ticks in both, and the same answers, compared before a clock runs. ClickHouse's engine is chDB behind "
    "its HTTP protocol, as on a host without a server. PostgreSQL has a quarter of the memory, room to sort and hash, "
    "every processor for one question, an index on symbol and moment with its rows in that order, and its questions "
    "written as suits it: first and last by the index, quotes by a nested look-up (cift/benchmarks/stacks/queries). "
    "Nobody may keep sums beforehand. All are warm: asked once before."
)
_QUERIES = Path(__file__).parents[1] / "queries"
_BATCH = 1 << 20


def measure(setting: Setting) -> Iterator[Found]:
    """Yield the milliseconds of every query on both sides."""
    with asyncio.Runner() as runner, postgres.cluster() as port, _chdb() as client:
        connection = runner.run(postgres.connect(port))
        try:
            setting.versions["PostgreSQL"] = runner.run(connection.fetchval("SHOW server_version")).split()[0]
            setting.versions["ClickHouse engine"] = str(client.server_version)
            setting.say(f"generating {setting.ticks:,} ticks in ClickHouse's engine")
            with ticks(client, setting.ticks) as day:
                setting.say("copying them to PostgreSQL, index, vacuum")
                runner.run(postgres.load(connection, (_QUERIES / "table.sql").read_text(), _csv(client, day)))
                for query, peer in zip(queries.load(), queries.load(_QUERIES), strict=True):
                    yield from _compare(setting, runner, connection, day, query, peer)
        finally:
            runner.run(connection.close())


def _compare(
    setting: Setting,
    runner: asyncio.Runner,
    connection: asyncpg.Connection,
    day: Ticks,
    query: Query,
    peer: Query,
) -> Iterator[Found]:
    if query.name != peer.name:
        raise ValueError(f"{peer.name}: expected PostgreSQL's query {query.name} in that place")
    values = (SYMBOL,) if "$1" in peer.sql else ()

    async def asked() -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await connection.fetch(peer.sql, *values, timeout=3600)
        return found

    setting.say(f"{query.title}: the answers")
    same(query.name, runner.run(asked()), day.ask(query))

    def old() -> float:
        setting.say(f"{query.title}: PostgreSQL")
        start = perf_counter_ns()
        runner.run(asked())
        return (perf_counter_ns() - start) / 1e6

    def new() -> float:
        start = perf_counter_ns()
        day.ask(query)
        return (perf_counter_ns() - start) / 1e6

    calls: dict[str, Callable[[], float]] = {"old": old, "new": new}
    found = in_turns(calls, setting.rounds, warm_up=False)
    what = query.title
    before = Row(what=what, system="PostgreSQL", stack="old", unit="ms", runs=found["old"])
    after = Row(what=what, system="ClickHouse engine", stack="new", unit="ms", runs=found["new"])
    yield from (before, after)
    yield from case("analytics", what, before, after)


def same(name: str, old: list[asyncpg.Record], new: pa.Table) -> None:
    """Compare two answers row by row; doubles may differ in the last digits that a sum's order decides.

    Raises:
        ValueError: they differ; the message names the first row and column.
    """
    if len(old) != new.num_rows:
        raise ValueError(f"{name}: PostgreSQL answers {len(old)} rows, ClickHouse {new.num_rows}")
    for number, (one, other) in enumerate(zip(old, new.to_pylist(), strict=True)):
        for column, value in other.items():
            if not _equal(one[column], value):
                raise ValueError(f"{name}, row {number}, {column}: PostgreSQL {one[column]!r}, ClickHouse {value!r}")


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, datetime):
        return int(one.timestamp() * 1e6 + 0.5) == _microseconds(other)
    if isinstance(one, float) or isinstance(other, float):
        return bool(abs(float(one) - float(other)) <= 1e-6 * max(1.0, abs(float(other))))
    if isinstance(other, bytes):
        other = other.decode()
    return bool(one == other)


def _microseconds(value: Any) -> int:
    """Return the moment of a DateTime (seconds, as Arrow has it) or of a DateTime64."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1e6 + 0.5)
    return int(value) * 1_000_000


async def _csv(client: Client, day: Ticks) -> AsyncIterator[bytes]:
    """Yield the ticks as CSV, in the order of PostgreSQL's index."""
    sql = (
        "SELECT toString(ts, 'UTC') || '+00', symbol, price, quantity, side, bid, ask, bid_size, ask_size "
        "FROM {table:Identifier} ORDER BY symbol, ts"
    )
    stream: Any = client.raw_stream(sql, parameters={"table": day.table}, fmt="CSV")
    while part := stream.read(_BATCH):
        yield part


@contextmanager
def _chdb() -> Iterator[Client]:
    """Run the engine's service on loopback, and sign in."""
    password = secrets.token_hex(8)
    with servers.folder("chdb") as folder:
        user = {"password_sha256_hex": hashlib.sha256(password.encode()).hexdigest(), "readonly": False}
        (folder / "users.json").write_text(json.dumps({"bench": user}))
        port = servers.free_port()
        command = [sys.executable, "-m", "cift.chdb", "--path", str(folder / "data"), "--port", str(port)]
        command += ["--users", str(folder / "users.json")]
        with servers.running(command, port, folder / "log"):
            client = clickhouse_connect.get_client(
                host="127.0.0.1", port=port, username="bench", password=password, send_receive_timeout=3600
            )
            try:
                client.command("CREATE DATABASE bench")
                client.database = "bench"
                yield client
            finally:
                client.close()
