"""QuestDB's side of `cift.core.migrations`: no transactions and no locks, so files are repeatable."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext

from cift.core.clickhouse.migrations import statements
from cift.core.migrations import Migration, MigrationError
from cift.core.questdb import QuestDB, QuestDBRefusedError

# Without a designated timestamp a table has no write-ahead log: what is inserted is visible at once.
_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations (number INT, name VARCHAR, checksum VARCHAR, applied TIMESTAMP)
"""


class QuestDBMigrations:
    """An `Executor` on QuestDB's one database."""

    def __init__(self, questdb: QuestDB) -> None:
        self._questdb = questdb

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Return a lock that keeps nobody out: two runs at once do the same work twice, which changes nothing."""
        return nullcontext()

    async def applied(self) -> Mapping[int, str]:
        """Return checksum by number; empty before the first run. Changes nothing."""
        if not await self._questdb.execute("SELECT id FROM tables() WHERE table_name = 'schema_migrations'"):
            return {}
        rows = await self._questdb.execute("SELECT number, checksum FROM schema_migrations")
        return {int(number): str(checksum) for number, checksum in rows}

    async def apply(self, migration: Migration) -> None:
        """Run one file statement by statement, then record it."""
        await self._questdb.execute(_RECORDS)
        for position, statement in enumerate(statements(migration.sql), start=1):
            try:
                await self._questdb.execute(statement)
            except QuestDBRefusedError as error:
                name = f"{migration.number:03}_{migration.name}.sql"
                raise MigrationError(f"{name}: statement {position}: {error}") from error
        # Name and checksum are a file's, of letters, digits and underscores: see `cift.core.migrations`.
        await self._questdb.execute(
            f"INSERT INTO schema_migrations VALUES ({migration.number}, '{migration.name}', "  # noqa: S608
            f"'{migration.checksum}', now())"
        )
