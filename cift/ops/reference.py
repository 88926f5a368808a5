"""`cift reference load` fills instruments, accounts and API keys; `cift reference key` makes a key."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Hashable, Iterable

import asyncpg
import msgspec
import typer

from cift.core.config import get_settings
from cift.core.database import Account, ApiKey, Database, DatabaseUnavailable, Instrument
from cift.core.signing import key_id, signing_secret

app = typer.Typer(help="Instruments, accounts and API keys.", no_args_is_help=True)


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `load` reads. `api_keys`, when given, are all the keys that the named accounts have afterwards."""

    instruments: tuple[Instrument, ...] = ()
    accounts: tuple[Account, ...] = ()
    api_keys: tuple[ApiKey, ...] | None = None


def parse(text: bytes) -> Reference:
    """Return the reference data in `text`; raise `ValueError` that names the field."""
    try:
        data = msgspec.json.decode(text, type=Reference)
    except msgspec.DecodeError as error:
        what, _, field = str(error).partition(" - at `$.")
        raise ValueError(f"{field.rstrip('`') or 'stdin'}: {what}") from error
    _refuse_twice("instruments", "symbol", (instrument.symbol for instrument in data.instruments))
    _refuse_twice("accounts", "account_id", (account.account_id for account in data.accounts))
    _refuse_twice("api_keys", "sha256", (key.sha256 for key in data.api_keys or ()))
    return data


def _refuse_twice(table: str, field: str, values: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise ValueError(f"{table}[{index}].{field}: {value} is named twice; name each once")
        seen.add(value)


async def _load(data: Reference) -> int:
    async with Database.from_settings(get_settings()) as database:
        return await database.load_reference(data.instruments, data.accounts, data.api_keys)


@app.command()
def load() -> None:
    """Read JSON on stdin, insert or update all of it or nothing, and print the number of changed rows.

    {"instruments": [{"symbol": "AAPL", "tick_size": 0.01, "lot_size": 1, "state": "active"}],
     "accounts": [{"account_id": 1, "name": "sandbox"}],
     "api_keys": [{"sha256": "<64 hex digits>", "account_id": 1, "scopes": ["trade", "read"]}]}
    """
    try:
        changed = asyncio.run(_load(parse(sys.stdin.buffer.read())))
    except (ValueError, asyncpg.PostgresError) as error:  # the latter: text that PostgreSQL can't store, say
        typer.echo(f"cift reference load: {error}", err=True)
        raise typer.Exit(2) from error
    except DatabaseUnavailable as error:
        typer.echo(f"cift reference load: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps({"changed": changed}))


@app.command()
def key() -> None:
    """Print a new random key for a client, and what to load for it: its hash, and what it signs requests with.

    The signing secret may be left out: then the key can only be sent. With "must_sign": true it can only sign.
    """
    value = f"cift_{secrets.token_urlsafe(32)}"
    typer.echo(json.dumps({"key": value, "sha256": key_id(value), "signing_secret": signing_secret(value).hex()}))
