"""The real ClickHouse-engine service as fixtures: one process for the session, a fresh database for each test."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

PASSWORD = "test-secret"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ChdbServer:
    """A running service; `kill` and `start` play a crash and what systemd does after it."""

    path: Path
    port: int
    users: Path
    user: str = "cift"
    password: str = PASSWORD
    host: str = "127.0.0.1"
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        return self.path.with_suffix(".log")

    @property
    def environment(self) -> dict[str, str]:
        """What a CIFT program needs in its environment to use this server (without a database)."""
        return {
            "CLICKHOUSE_HOST": self.host,
            "CLICKHOUSE_PORT": str(self.port),
            "CLICKHOUSE_USER": self.user,
            "CLICKHOUSE_PASSWORD": self.password,
        }

    def command(self) -> list[str]:
        options = ["--path", str(self.path), "--users", str(self.users), "--port", str(self.port)]
        return [sys.executable, "-m", "cift.chdb", *options, *self.arguments]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"cift.chdb ended with {self.process.returncode}: {self.log.read_text()}")
            try:
                with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
                    if answer.read() == b"Ok.\n":
                        return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"cift.chdb doesn't answer on {self.url}: {self.log.read_text()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def client(self, database: str | None = None, **options: object) -> Client:
        return clickhouse_connect.get_client(
            host=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            database=database,
            autogenerate_session_id=False,
            **options,  # type: ignore[arg-type]
        )


def write_users(path: Path, **passwords: str) -> Path:
    """Write a file of users; the one named `reader` may only read."""
    content = {
        name: {"password_sha256_hex": hashlib.sha256(password.encode()).hexdigest(), "readonly": name == "reader"}
        for name, password in passwords.items()
    }
    path.write_text(json.dumps(content))
    return path


def make_server(folder: Path, *arguments: str) -> ChdbServer:
    """Prepare, but don't start, a service of a test's own."""
    users = write_users(folder / "users.json", cift=PASSWORD, reader="reader-secret")
    return ChdbServer(folder / "chdb", free_port(), users, arguments=arguments)


@pytest.fixture(scope="session")
def chdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbServer]:
    """The service, shared by all tests of the session."""
    server = make_server(tmp_path_factory.mktemp("chdb"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def clickhouse_database(chdb_server: ChdbServer) -> Iterator[str]:
    """The name of a new, empty database on `chdb_server`; it goes with the test."""
    name = f"test_{uuid4().hex[:12]}"
    with chdb_server.client() as client:
        client.command(f"CREATE DATABASE {name}")
        yield name
        client.command(f"DROP DATABASE IF EXISTS {name} SYNC")
