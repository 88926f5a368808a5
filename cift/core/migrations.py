"""Numbered SQL files, applied once and in order, for any database that can say which of them it already has.

A migration is a file `NNN_what_it_does.sql`. Its checksum is stored with its number, so that a file edited after it was
applied is found out instead of silently ignored: a schema changes by a new file, never by editing an old one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Protocol

_FILE_NAME = re.compile(r"(\d{3})_([a-z0-9_]+)\.sql")


class MigrationError(RuntimeError):
    """The migrations and the database don't fit together; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number (1, 2, ...), name, text and the text's sha256 in hex."""

    number: int
    name: str
    sql: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Status:
    """A migration and whether the database has it."""

    migration: Migration
    applied: bool


class Executor(Protocol):
    """What a database has to offer to be migrated."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Keep other runs out as well as the database can."""
        ...

    async def applied(self) -> Mapping[int, str]:
        """Return checksum by number of what was applied; an empty mapping where nothing was yet. Changes nothing."""
        ...

    async def apply(self, migration: Migration) -> None:
        """Run the migration's SQL and record its number, name and checksum (in one transaction where there are any)."""
        ...


def load_migrations(dialect: str) -> list[Migration]:
    """Read the migrations of `cift/schema/<dialect>/`, ordered by number.

    Raises:
        MigrationError: a file with an unexpected name, a number used twice or a number left out.
    """
    return read_migrations(files("cift.schema") / dialect)


def read_migrations(folder: Traversable) -> list[Migration]:
    """Read the migrations of any folder; see `load_migrations`."""
    found: list[Migration] = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise MigrationError(f"{entry.name}: found an unexpected file name, expected NNN_lower_case.sql; rename it")
        text = entry.read_text(encoding="utf-8")
        found.append(Migration(int(match[1]), match[2], text, hashlib.sha256(text.encode()).hexdigest()))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationError(
                f"{migration.number:03}_{migration.name}.sql: found number {migration.number}, expected {expected}; "
                "numbers start at 001, without gaps or repetitions"
            )
    return found


def compare(migrations: Sequence[Migration], applied: Mapping[int, str]) -> list[Status]:
    """Say for each migration whether it is applied.

    Numbers beyond the newest file are fine: that is a release rolled back onto the schema of a newer one.

    Raises:
        MigrationError: an applied file was changed since, or an older one was left out.
    """
    for migration in migrations:
        stored = applied.get(migration.number)
        if stored is not None and stored != migration.checksum:
            raise MigrationError(
                f"{migration.number:03}_{migration.name}.sql: found checksum {migration.checksum[:12]}, expected "
                f"{stored[:12]} as applied; restore the file and put the change in a new one"
            )
        if stored is None and any(number > migration.number for number in applied):
            raise MigrationError(
                f"{migration.number:03}_{migration.name}.sql: not applied though a later one is; "
                "give it the next free number"
            )
    return [Status(migration, migration.number in applied) for migration in migrations]


async def migrate(executor: Executor, migrations: Sequence[Migration]) -> list[Migration]:
    """Apply what is pending, in order, and return it; nothing is run when an applied file was changed."""
    async with executor.lock():
        pending = [s.migration for s in compare(migrations, await executor.applied()) if not s.applied]
        for migration in pending:
            await executor.apply(migration)
    return pending
