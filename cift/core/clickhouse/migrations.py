"""ClickHouse's side of `cift.core.migrations`.

ClickHouse has no transactions and no locks. So a file's statements are written to be repeatable (IF NOT EXISTS), the
record of it comes last, and two runs at once do the same work twice, which changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext

from cift.core.clickhouse.cluster import distributed, on_cluster, shards_database, with_engines
from cift.core.clickhouse.connection import ClickHouseError, Connection
from cift.core.config import Settings
from cift.core.migrations import Migration, MigrationError

_UNKNOWN_TABLE, _UNKNOWN_DATABASE = 60, 81
_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations{where}
(
    number   UInt32        COMMENT 'Number of the file',
    name     String        COMMENT 'Its name',
    checksum String        COMMENT 'sha256 of its text',
    applied  DateTime('UTC') DEFAULT now() COMMENT 'When it was applied'
)
ENGINE = {engine:ReplacingMergeTree}
ORDER BY number
COMMENT 'Which files of cift/schema/clickhouse this database has'
"""
# A piece of SQL that may contain a semicolon which ends nothing.
_PIECE = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|[^'`\"\-/;]+|[-/]|(;)", re.DOTALL)


def statements(sql: str) -> Iterator[str]:
    """Yield the statements of a file, without comments around them.

    Raises:
        MigrationError: a quote that isn't closed.
    """
    at = 0
    text: list[str] = []
    while at < len(sql):
        match = _PIECE.match(sql, at)
        if match is None:
            raise MigrationError(f"line {sql.count(chr(10), 0, at) + 1}: a quote is not closed")
        at = match.end()
        if match[1] is None:
            text.append("" if match[0].startswith(("--", "/*")) else match[0])
            continue
        if statement := "".join(text).strip():
            yield statement
        text = []
    if statement := "".join(text).strip():
        yield statement


class ClickHouseMigrations:
    """An `Executor` on the database of the settings, which it creates when it is missing.

    Where the settings name a cluster, everything is made on all of its hosts (`cift.core.clickhouse.cluster`); the
    record of it is a table that every host has whole, so that any of them may be asked.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = settings.clickhouse_db
        self._cluster = settings.clickhouse_cluster
        self._server = Connection(settings, database=None, threads=1, timeout_s=300)
        self._inside = Connection(settings, database=self._database, threads=1, timeout_s=300)
        self._shards = Connection(settings, database=shards_database(self._database), threads=1, timeout_s=300)
        self._ready = False

    async def __aenter__(self) -> ClickHouseMigrations:
        await self._server.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in (self._server, self._inside, self._shards):
            await connection.close()

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Return a lock that keeps nobody out: see above why that is enough."""
        return nullcontext()

    async def applied(self) -> Mapping[int, str]:
        """Return checksum by number; empty where there is no database or no record yet. Changes nothing."""
        sql = "SELECT number, argMax(checksum, applied) FROM {d:Identifier}.schema_migrations GROUP BY number"
        try:
            rows = await self._server.query(sql, {"d": self._database})
        except ClickHouseError as error:
            if error.code in (_UNKNOWN_TABLE, _UNKNOWN_DATABASE):
                return {}
            raise
        return {int(number): str(checksum) for number, checksum in rows.iter_rows()}

    async def apply(self, migration: Migration) -> None:
        """Run one file statement by statement, then record it."""
        await self._prepare()
        for position, statement in enumerate(statements(migration.sql), start=1):
            try:
                await self._run(statement)
            except (ClickHouseError, MigrationError) as error:
                raise MigrationError(
                    f"{migration.number:03}_{migration.name}.sql: statement {position}: {error}"
                ) from error
        await self._inside.command(
            "INSERT INTO schema_migrations (number, name, checksum) "
            "SELECT {number:UInt32}, {name:String}, {checksum:String}",
            {"number": migration.number, "name": migration.name, "checksum": migration.checksum},
        )

    async def _run(self, statement: str) -> None:
        if not self._cluster:
            await self._inside.command(with_engines(statement))
            return
        placed = on_cluster(statement, self._cluster)
        await (self._shards if placed.in_shards else self._inside).command(placed.sql)
        if placed.table:
            sql = "SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = {t:String}"
            key = str(await self._shards.command(sql, {"t": placed.table}))
            await self._inside.command(distributed(placed.table, key, self._database, self._cluster))

    async def _prepare(self) -> None:
        if self._ready:
            return
        where = f" ON CLUSTER {self._cluster}" if self._cluster else ""
        databases = [self._database, shards_database(self._database)] if self._cluster else [self._database]
        for name in databases:
            await self._server.command("CREATE DATABASE IF NOT EXISTS {d:Identifier}" + where, {"d": name})
        await self._inside.open()
        if self._cluster:
            await self._shards.open()
        records = _RECORDS.replace("{where}", where)
        await self._inside.command(with_engines(records, replicated=bool(self._cluster), everywhere=True))
        self._ready = True
