"""PostgreSQL's side of `cift.core.migrations`: what is applied, under an advisory lock, each file in a transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from cift.core.database import Database
from cift.core.migrations import Migration

# Any number, but the same in every run: it names the lock.
LOCK = 0x43494654
LOCK_TIMEOUT_S = 60.0
APPLY_TIMEOUT_S = 600.0

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number   integer PRIMARY KEY,
    name     text NOT NULL,
    checksum text NOT NULL,
    applied  timestamptz NOT NULL DEFAULT now()
)"""


class PostgresMigrations:
    """An `Executor`; errors of the server are `DatabaseUnavailable`, errors of a migration's SQL are asyncpg's own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locked: asyncpg.Connection | None = None

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Wait until no other run is at work, for a minute at most."""
        async with self._database.connection() as connection:
            await connection.execute("SELECT pg_advisory_lock($1)", LOCK, timeout=LOCK_TIMEOUT_S)
            self._locked = connection
            try:
                yield
            finally:
                self._locked = None
                await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend the connection that holds the lock, else any."""
        if self._locked is not None:
            yield self._locked
            return
        async with self._database.connection() as connection:
            yield connection

    async def applied(self) -> Mapping[int, str]:
        """Return checksum by number; empty before the first run. Changes nothing."""
        async with self._connection() as connection:
            if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
                return {}
            rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
            return {row["number"]: row["checksum"] for row in rows}

    async def apply(self, migration: Migration) -> None:
        """Run one file and record it; a failure leaves nothing of it behind."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_CREATE)
            await connection.execute(migration.sql, timeout=APPLY_TIMEOUT_S)
            await connection.execute(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
