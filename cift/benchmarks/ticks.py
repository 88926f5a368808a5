"""A day of generated ticks in a table of its own, and questions to it: on a ClickHouse server and on chDB alike."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns

import clickhouse_connect
import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from cift.benchmarks import queries
from cift.benchmarks.measure import Samples
from cift.benchmarks.queries import Query
from cift.core.clickhouse.connection import sign_in
from cift.core.config import Settings

#: Whom the questions to one symbol ask about.
SYMBOL = "SYM7"
# A cold run reads past the operating system's cache, and what earlier runs left in the engine's counts for nothing.
_COLD = {
    "min_bytes_to_use_direct_io": 1,
    "use_uncompressed_cache": 0,
    "use_query_cache": 0,
    "use_query_condition_cache": 0,
}


@contextmanager
def connect(settings: Settings) -> Iterator[Client]:
    """Sign in for questions that may take minutes."""
    client = clickhouse_connect.get_client(
        **sign_in(settings), database=settings.clickhouse_db, connect_timeout=3, send_receive_timeout=600
    )
    try:
        yield client
    finally:
        client.close()


class Ticks:
    """`count` ticks in the scratch table `table`, merged into one part; for its user's own database."""

    def __init__(self, client: Client, table: str, count: int) -> None:
        self._client, self.table, self.count = client, table, count

    def ask(self, query: Query, *, cold: bool = False) -> pa.Table:
        """Return the answer, received whole."""
        parameters = {"table": self.table, "symbol": SYMBOL}
        return self._client.query_arrow(query.sql, parameters=parameters, settings=_COLD if cold else {})

    def time(self, query: Query, runs: int, *, cold: bool = False) -> Samples:
        """Ask that often, and return how long each took in nanoseconds, the answer received.

        Cold is the first question to a table that was detached and attached again: its index is read anew, and its
        columns from the disk (O_DIRECT), past the system's cache. That needs no rights but to the scratch table, and
        leaves the caches of a live host as they are. Where files can't be read so (a memory disk), the system's cache
        stays.
        """
        samples = np.empty(runs, dtype=np.int64)
        for index in range(runs):
            if cold:
                self._forget()
            start = perf_counter_ns()
            self.ask(query, cold=cold)
            samples[index] = perf_counter_ns() - start
        return samples

    def _forget(self) -> None:
        for what in ("DETACH", "ATTACH"):
            self._client.command(f"{what} TABLE {{table:Identifier}}", parameters={"table": self.table})


@contextmanager
def ticks(client: Client, count: int) -> Iterator[Ticks]:
    """Generate that many ticks in a table `benchmark_...`, which is dropped afterwards."""
    table = {"table": f"benchmark_{secrets.token_hex(4)}"}
    client.command(queries.statement("table"), parameters=table)
    try:
        client.command(queries.statement("ticks"), parameters={**table, "ticks": count})
        # No merge goes on in the background while a clock runs.
        client.command("OPTIMIZE TABLE {table:Identifier} FINAL", parameters=table)
        yield Ticks(client, table["table"], count)
    finally:
        # A cold run that was interrupted left it detached: what isn't there can't be dropped, and its files would stay.
        client.command("ATTACH TABLE IF NOT EXISTS {table:Identifier}", parameters=table)
        client.command("DROP TABLE {table:Identifier}", parameters=table)
