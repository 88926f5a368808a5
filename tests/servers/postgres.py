"""A real PostgreSQL server as a pytest fixture: its own cluster in a temporary folder, on a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from cift.core.config import Settings
from cift.core.database import Database
from cift.core.database_migrations import PostgresMigrations
from cift.core.migrations import load_migrations, migrate
from tests.servers.nats import free_port

PASSWORD = "loopback-only"


def _program(name: str) -> str:
    """Return a PostgreSQL program: from the path, else the newest of Debian's versioned folders."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    found = shutil.which(name) or (str(versions[-1]) if versions else None)
    if found is None:
        pytest.fail(f"{name} not found: install the Debian package postgresql")
    return found


@dataclass
class PostgresServer:
    """A cluster whose superuser is `cift`; `database` is empty until a test applies the schema."""

    folder: Path
    port: int
    user: str = "cift"
    password: str = PASSWORD
    database: str = "postgres"
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None
    # More of the server's own parameters, as NAME=VALUE.
    parameters: tuple[str, ...] = ()

    def settings(self, base: Settings | None = None) -> Settings:
        update = {
            "database_host": self.host,
            "database_port": self.port,
            "database_name": self.database,
            "database_user": self.user,
            "database_password": SecretStr(self.password),
        }
        return (base or Settings()).model_copy(update=update)

    def environment(self) -> dict[str, str]:
        """The settings that lead a CIFT program to this server."""
        return {
            "DATABASE_HOST": self.host,
            "DATABASE_PORT": str(self.port),
            "DATABASE_NAME": self.database,
            "DATABASE_USER": self.user,
            "DATABASE_PASSWORD": self.password,
        }

    def start(self) -> None:
        """Start the server and return when it answers."""
        command = [_program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"]
        command += ["-c", "fsync=off", "-c", "shared_buffers=32MB"]
        command += [word for parameter in self.parameters for word in ("-c", parameter)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **_as_postgres())
        ready = [_program("pg_isready"), "-q", "-h", self.host, "-p", str(self.port)]
        for _ in range(300):
            if subprocess.run(ready, check=False).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop the server at once, with its backends (fast shutdown)."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)
        self.process = None


def _as_postgres() -> dict[str, object]:
    """The programs refuse to run as root: root steps down to Debian's user `postgres`."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresServer]:
    """One cluster for the whole run; use `postgres_server` for a database of a test's own."""
    with cluster() as server:
        server.start()
        yield server


@contextmanager
def cluster() -> Iterator[PostgresServer]:
    """A cluster that nobody else uses, not started yet."""
    folder = Path(tempfile.mkdtemp(prefix="cift-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    initdb = [_program("initdb"), "-D", str(folder / "data"), "-U", "cift", "-A", "scram-sha-256"]
    initdb += ["--pwfile", str(secret), "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **_as_postgres())
    server = PostgresServer(folder, free_port())
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


async def new_database(cluster: PostgresServer) -> PostgresServer:
    """Return the cluster's server with a new, empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(
        host=cluster.host, port=cluster.port, user=cluster.user, password=cluster.password, database="postgres"
    )
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()
    return PostgresServer(cluster.folder, cluster.port, database=name, process=cluster.process)


@pytest.fixture
async def postgres_server(postgres_cluster: PostgresServer) -> PostgresServer:
    """The session's server, with an empty database made for this test."""
    return await new_database(postgres_cluster)


@pytest.fixture
async def reference_database(postgres_server: PostgresServer) -> AsyncIterator[Database]:
    """A database with the schema applied and nothing in it."""
    async with Database.from_settings(postgres_server.settings()) as database:
        await migrate(PostgresMigrations(database), load_migrations("postgresql"))
        yield database
