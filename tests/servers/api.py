"""The real API under uvicorn, as on a host: workers behind one socket, its own NATS user, a key of account 1 and 2."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from cift.core.database import Account, ApiKey, Database, Instrument
from cift.core.nats_manager import NatsManager
from cift.core.signing import key_id, signing_secret
from cift.core.streams import ensure_streams
from tests.servers.cache import CacheServer
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer

KEY, OTHER_KEY, READER_KEY = "key-of-account-one", "key-of-account-two", "key-that-only-reads"
RISK_KEY = "key-of-the-risk-officer"
FULL_KEY = "key-that-may-do-everything"
# KEY may sign, this one of the same account must.
SIGNING_KEY = "key-that-never-travels"
INSTRUMENTS = [
    Instrument("AAPL", 0.01, 1.0),
    Instrument("MSFT", 0.01, 1.0),
    Instrument("NVDA", 0.01, 1.0),
    Instrument("TSLA", 0.01, 1.0),
    Instrument("AMZN", 0.01, 1.0),
    Instrument("META", 0.01, 1.0),
    Instrument("GOOG", 0.01, 1.0),
    Instrument("BTC-USD", 0.5, 0.001),
    Instrument("ETH-USD", 0.5, 0.001),
    Instrument("HALT", 0.01, 1.0, "halted"),
]


@dataclass
class ApiServer:
    """Workers that share a socket, as on a host; `client()` speaks to them as account 1 unless told otherwise."""

    folder: Path
    environment: dict[str, str]
    workers: int = 2
    options: list[str] = field(default_factory=list)
    scheme: str = "http"
    socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def client(self, key: str | None = KEY, **options: object) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, trust_env=False, **options)

    def start(self) -> None:
        """Start and return when every worker answers."""
        for number in range(self.workers):
            self.launch(number)
        for number in range(self.workers):
            self.wait(number)

    def launch(self, number: int) -> None:
        metrics = self.folder / "metrics"
        metrics.mkdir(exist_ok=True)
        of_worker = {"PROMETHEUS_MULTIPROC_DIR": str(metrics), "CIFT_API_INSTANCE": str(number)}
        descriptor = self.socket.fileno()
        command = ["bash", "-c", 'exec 3<&"$0"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', str(descriptor)]
        command += [sys.executable, "-m", "cift.api", *self.options]
        with self.log(number).open("wb") as log:
            self.processes[number] = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | self.environment | of_worker, pass_fds=[descriptor]
            )

    def wait(self, number: int) -> None:
        deadline = time.monotonic() + 120
        while "Application startup complete" not in self.log(number).read_text():
            if time.monotonic() > deadline or self.processes[number].poll() is not None:
                self.stop()
                raise AssertionError(self.log(number).read_text())
            time.sleep(0.05)

    def log(self, number: int) -> Path:
        return self.folder / f"api-{number}.log"

    def end(self, number: int) -> int:
        """Stop one worker as systemd does and return its exit status."""
        process = self.processes.pop(number)
        process.terminate()
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # it says then where it hangs
            process.wait(10)
            raise AssertionError(self.log(number).read_text()[-4000:]) from None
        finally:
            process.kill()

    def stop(self) -> list[int]:
        """Stop all of them and return their exit statuses."""
        for process in self.processes.values():
            process.terminate()
        return [self.end(number) for number in list(self.processes)]


async def load_reference(database: Database) -> None:
    keys = [
        (KEY, 1, ("trade", "read")),
        (OTHER_KEY, 2, ("trade", "read")),
        (READER_KEY, 1, ("read",)),
        (RISK_KEY, 3, ("risk", "read")),
        (SIGNING_KEY, 1, ("trade", "read")),
        (FULL_KEY, 3, ("trade", "read", "risk")),
    ]
    api_keys = [
        ApiKey(
            key_id(key),
            account,
            scopes,
            signing_secret=signing_secret(key).hex() if key in (KEY, SIGNING_KEY) else None,
            must_sign=key == SIGNING_KEY,
        )
        for key, account, scopes in keys
    ]
    await database.load_reference(INSTRUMENTS, [Account(1, "one"), Account(2, "two"), Account(3, "risk")], api_keys)


async def prepared(
    nats: NatsServer, cache: CacheServer, postgres: PostgresServer, database: Database
) -> dict[str, str]:
    """Load instruments and keys, make the streams, and return what a worker of the API needs to find it all."""
    await load_reference(database)
    async with NatsManager(nats.settings("admin")) as manager:
        await ensure_streams(manager.js)
    return nats.environment("api") | cache.environment() | postgres.environment()


@pytest.fixture
async def api_server(
    tmp_path: Path,
    nats_server: NatsServer,
    cache_server: CacheServer,
    postgres_server: PostgresServer,
    reference_database: Database,
) -> AsyncIterator[ApiServer]:
    """The API with NATS, a cache and PostgreSQL behind it; engine and recorder are the test's business."""
    environment = await prepared(nats_server, cache_server, postgres_server, reference_database)
    server = ApiServer(tmp_path, environment | {"CIFT_ORDER_TIMEOUT_S": "0.5", "CLICKHOUSE_PORT": "1"})
    server.start()
    try:
        yield server
    finally:
        server.stop()
