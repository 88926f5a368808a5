"""Reference data in a real PostgreSQL: loaded all or nothing, read back, and clear words when the server is away."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
from pydantic import SecretStr

from cift.core.database import Account, ApiKey, Database, DatabaseUnavailable, Instrument
from tests.servers.postgres import PostgresServer

KEY = ApiKey("ab" * 32, 1, ("trade", "read"))


async def test_what_is_loaded_is_read_back(reference_database: Database) -> None:
    instruments = [Instrument("AAPL", 0.01, 1.0), Instrument("BTC-USD", 0.1, 1e-08, "halted")]
    assert await reference_database.load_reference(instruments, [Account(1, "one")], [KEY]) == 4
    assert await reference_database.instruments() == instruments
    assert await reference_database.accounts() == [Account(1, "one")]
    assert await reference_database.api_keys() == [KEY]
    assert await reference_database.ping() > 0


async def test_a_second_load_changes_nothing(reference_database: Database) -> None:
    arguments = ([Instrument("AAPL", 0.01, 1.0)], [Account(1, "one")], [KEY])
    await reference_database.load_reference(*arguments)
    assert await reference_database.load_reference(*arguments) == 0


async def test_only_what_differs_counts(reference_database: Database) -> None:
    await reference_database.load_reference([Instrument("AAPL", 0.01, 1.0), Instrument("MSFT", 0.01, 1.0)], [], None)
    changed = [Instrument("AAPL", 0.01, 1.0), Instrument("MSFT", 0.01, 1.0, "halted")]
    assert await reference_database.load_reference(changed, [], None) == 1


async def test_a_rotated_key_is_revoked_and_other_accounts_keep_theirs(reference_database: Database) -> None:
    other = ApiKey("cd" * 32, 2, ("read",))
    await reference_database.load_reference([], [Account(1, "one"), Account(2, "two")], [KEY, other])
    new = ApiKey("ef" * 32, 1, ("trade",))
    assert await reference_database.load_reference([], [Account(1, "one")], [new]) == 2
    assert await reference_database.api_keys() == [new, other]
    assert await reference_database.load_reference([], [Account(1, "one")], None) == 0


async def test_a_key_of_nobody_leaves_everything_as_it_was(reference_database: Database) -> None:
    with pytest.raises(ValueError, match=r"api_keys\[0\]\.account_id: no account 1"):
        await reference_database.load_reference([Instrument("AAPL", 0.01, 1.0)], [], [KEY])
    assert await reference_database.instruments() == []


async def test_a_missing_schema_says_what_to_do(postgres_server: PostgresServer) -> None:
    async with _database(postgres_server) as database:
        with pytest.raises(DatabaseUnavailable, match="cift schema apply"):
            await database.instruments()


async def test_a_wrong_password_and_a_dead_server_say_so(postgres_server: PostgresServer) -> None:
    async with _database(postgres_server, password="wrong") as database:
        with pytest.raises(DatabaseUnavailable, match="check DATABASE_"):
            await database.ping()
    async with _database(postgres_server, port=1) as database:
        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            await database.ping()


def test_the_command_loads_from_stdin(reference_database: Database, postgres_server: PostgresServer) -> None:
    key = json.loads(_cift(postgres_server, "key").stdout)
    assert key["sha256"] == hashlib.sha256(key["key"].encode()).hexdigest()
    data = {
        "instruments": [{"symbol": "AAPL", "tick_size": 0.01, "lot_size": 1}],
        "accounts": [{"account_id": 1, "name": "sandbox"}],
        "api_keys": [{"sha256": key["sha256"], "account_id": 1, "scopes": ["trade"]}],
    }
    first = _cift(postgres_server, "load", json.dumps(data))
    assert (first.returncode, json.loads(first.stdout)) == (0, {"changed": 3})
    assert json.loads(_cift(postgres_server, "load", json.dumps(data)).stdout) == {"changed": 0}
    bad = _cift(postgres_server, "load", '{"instruments": [{"symbol": "AAPL", "tick_size": -1, "lot_size": 1}]}')
    assert bad.returncode == 2
    assert "instruments[0].tick_size" in bad.stderr
    unstorable = _cift(postgres_server, "load", '{"accounts": [{"account_id": 1, "name": "\\u0000"}]}')
    assert (unstorable.returncode, unstorable.stderr.count("\n")) == (2, 1)


def _database(server: PostgresServer, *, password: str | None = None, port: int | None = None) -> Database:
    settings = server.settings()
    update = {"database_password": SecretStr(password or server.password), "database_port": port or server.port}
    return Database.from_settings(settings.model_copy(update=update))


def _cift(server: PostgresServer, verb: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from cift.ops.cli import app; app()", "reference", verb]
    environment = os.environ | server.environment()
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
