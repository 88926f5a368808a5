"""The ten analytics queries on the real engine: the same answer cold and warm, and nothing left of the ticks.

That the answers are right is test_benchmark_stacks' business: PostgreSQL gives the same by SQL of its own.
"""

from __future__ import annotations

import polars as pl
import pytest
from clickhouse_connect.driver.client import Client
from polars.testing import assert_frame_equal

from cift.benchmarks import queries
from cift.benchmarks.ticks import Ticks, ticks
from tests.servers.chdb import ChdbServer

COUNT = 40_000


def tables(server: ChdbServer, database: str) -> list[str]:
    with server.client(database) as client:
        left = "SELECT name FROM system.tables WHERE database = currentDatabase()"
        detached = "SELECT table FROM system.detached_tables WHERE database = currentDatabase()"
        return [name for sql in (left, detached) for (name,) in client.query(sql).result_rows]


def test_every_query_answers_the_same_cold_and_warm(chdb_server: ChdbServer, clickhouse_database: str) -> None:
    with chdb_server.client(clickhouse_database) as client, ticks(client, COUNT) as day:
        for query in queries.load():
            assert day.time(query, 2, cold=True).min() > 0
            warm, cold = (pl.DataFrame(pl.from_arrow(day.ask(query, cold=cold))) for cold in (False, True))
            assert warm.height > 0, query.name
            # Sums over several threads differ in their last digits.
            assert_frame_equal(warm, cold, rel_tol=1e-9)
    assert tables(chdb_server, clickhouse_database) == []


def test_the_ticks_are_the_same_in_every_run(chdb_server: ChdbServer, clickhouse_database: str) -> None:
    (totals,) = (query for query in queries.load() if query.name == "day_totals")

    def counted(day: Ticks) -> tuple[int, float]:
        answer = day.ask(totals)
        return sum(answer["trades"].to_pylist()), sum(answer["volume"].to_pylist())

    with chdb_server.client(clickhouse_database) as client:
        with ticks(client, COUNT) as day:
            first = counted(day)
        with ticks(client, COUNT) as day:
            assert counted(day) == first
    assert first[0] == COUNT


def test_a_run_that_ends_while_its_table_is_detached_leaves_nothing(
    chdb_server: ChdbServer, clickhouse_database: str
) -> None:
    def interrupted(client: Client) -> None:
        with ticks(client, 1_000) as day:
            client.command("DETACH TABLE {table:Identifier}", parameters={"table": day.table})
            raise KeyboardInterrupt

    with chdb_server.client(clickhouse_database) as client, pytest.raises(KeyboardInterrupt):
        interrupted(client)
    assert tables(chdb_server, clickhouse_database) == []
