"""PostgreSQL's migrations against a real server: once, in order, all or nothing, and side by side."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from cift.core.database import Database
from cift.core.database_migrations import PostgresMigrations
from cift.core.migrations import Migration, MigrationError, load_migrations, migrate
from tests.servers.postgres import PostgresServer

FIRST = Migration(1, "first", "CREATE TABLE a (x int); INSERT INTO a VALUES (1);", "c1")
BROKEN = Migration(2, "broken", "CREATE TABLE b (x int); SELECT nothing;", "c2")


async def test_the_schema_applies_once(postgres_server: PostgresServer) -> None:
    async with Database.from_settings(postgres_server.settings()) as database:
        executor = PostgresMigrations(database)
        assert await executor.applied() == {}
        migrations = load_migrations("postgresql")
        assert await migrate(executor, migrations) == migrations
        assert await migrate(executor, migrations) == []
        assert await database.instruments() == []


async def test_a_broken_file_leaves_nothing_behind(postgres_server: PostgresServer) -> None:
    async with Database.from_settings(postgres_server.settings()) as database:
        executor = PostgresMigrations(database)
        with pytest.raises(asyncpg.UndefinedColumnError):
            await migrate(executor, [FIRST, BROKEN])
        assert await executor.applied() == {1: "c1"}
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT to_regclass('b')") is None


async def test_a_changed_file_is_refused(postgres_server: PostgresServer) -> None:
    async with Database.from_settings(postgres_server.settings()) as database:
        await migrate(PostgresMigrations(database), [FIRST])
        changed = Migration(1, "first", "CREATE TABLE c (x int)", "other")
        with pytest.raises(MigrationError, match="001_first"):
            await migrate(PostgresMigrations(database), [changed])


async def test_runs_side_by_side_apply_each_file_once(postgres_server: PostgresServer) -> None:
    async with Database.from_settings(postgres_server.settings()) as database:
        runs = [migrate(PostgresMigrations(database), [FIRST]) for _ in range(4)]
        done = await asyncio.gather(*runs)
        assert sorted(len(applied) for applied in done) == [0, 0, 0, 1]
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM a") == 1
