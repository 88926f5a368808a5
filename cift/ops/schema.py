"""`cift schema apply` brings the databases and the NATS streams to what this release needs; `status` looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

import asyncpg
import typer
from nats.errors import Error as NatsError

from cift.core.clickhouse.connection import ClickHouseError, ClickHouseUnavailableError
from cift.core.clickhouse.migrations import ClickHouseMigrations
from cift.core.config import Settings, get_settings
from cift.core.database import Database, DatabaseUnavailable
from cift.core.database_migrations import PostgresMigrations
from cift.core.migrations import Executor, Migration, MigrationError, compare, load_migrations, migrate
from cift.core.nats_manager import NatsManager, NatsUnavailableError
from cift.core.questdb import QuestDB, QuestDBRefusedError, QuestDBUnavailableError
from cift.core.questdb_migrations import QuestDBMigrations
from cift.core.streams import ShardsError, ensure_streams

app = typer.Typer(help="Tables and streams of this release: apply what is missing, or look.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]
_ERRORS = (
    MigrationError,
    ShardsError,
    ClickHouseError,
    ClickHouseUnavailableError,
    QuestDBRefusedError,
    QuestDBUnavailableError,
    DatabaseUnavailable,
    NatsUnavailableError,
    NatsError,
    asyncpg.PostgresError,
)


def _title(migration: Migration) -> str:
    return f"{migration.number:03}_{migration.name}"


async def _each(settings: Settings, use: Callable[[str, Executor, list[Migration]], Awaitable[None]]) -> None:
    """Call `use` for each database with its executor and this release's migrations."""
    async with Database.from_settings(settings) as database:
        await use("postgresql", PostgresMigrations(database), load_migrations("postgresql"))
    async with ClickHouseMigrations(settings) as clickhouse:
        await use("clickhouse", clickhouse, load_migrations("clickhouse"))
    if settings.questdb_enabled:
        async with QuestDB(settings) as questdb:
            await use("questdb", QuestDBMigrations(questdb), load_migrations("questdb"))


async def apply_all(settings: Settings, say: Callable[[str], None]) -> list[str]:
    """Bring every system up to date and return what changed; `say` hears of each change when it is done."""
    changed: list[str] = []

    def note(change: str) -> None:
        changed.append(change)
        say(change)

    async def use(system: str, executor: Executor, migrations: list[Migration]) -> None:
        for migration in await migrate(executor, migrations):
            note(f"{system}: applied {_title(migration)}")

    await _each(settings, use)
    async with NatsManager(settings, name="cift-schema") as nats:
        shards = settings.engine_shards
        for change in await ensure_streams(nats.js, replicas=settings.nats_replicas, shards=shards):
            note(f"nats: {change}")
    return changed


async def status_of_all(settings: Settings) -> list[dict[str, str]]:
    """Return a row for each migration: system, migration, and state `applied` or `pending`."""
    rows: list[dict[str, str]] = []

    async def use(system: str, executor: Executor, migrations: list[Migration]) -> None:
        for status in compare(migrations, await executor.applied()):
            state = "applied" if status.applied else "pending"
            rows.append({"system": system, "migration": _title(status.migration), "state": state})

    await _each(settings, use)
    return rows


@app.command()
def apply(as_json: Json = False) -> None:
    """Apply what is pending to PostgreSQL, ClickHouse, QuestDB (if enabled) and NATS; a second run changes nothing.

    With --json prints {"changed": true, "changes": ["clickhouse: applied 001_market_data", ...]}.
    """
    try:
        changed = asyncio.run(apply_all(get_settings(), (lambda _: None) if as_json else typer.echo))
    except _ERRORS as error:
        _fail("apply", error)
    if as_json:
        typer.echo(json.dumps({"changed": bool(changed), "changes": changed}))
    elif not changed:
        typer.echo("nothing to do: tables and streams are those of this release")


@app.command()
def status(as_json: Json = False) -> None:
    """Say which migrations are applied and which are pending; changes nothing. Exit status 3 when some are pending."""
    try:
        rows = asyncio.run(status_of_all(get_settings()))
    except _ERRORS as error:
        _fail("status", error)
    if as_json:
        typer.echo(json.dumps({"migrations": rows}))
    else:
        for row in rows:
            typer.echo(f"{row['state']:8} {row['system']:11} {row['migration']}")
    if any(row["state"] == "pending" for row in rows):
        raise typer.Exit(3)


def _fail(verb: str, error: Exception) -> NoReturn:
    typer.echo(f"cift schema {verb}: {error}", err=True)
    raise typer.Exit(2 if isinstance(error, MigrationError | ShardsError) else 1) from error
