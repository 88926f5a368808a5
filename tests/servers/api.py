"""The real API under uvicorn, as on a host: workers behind one socket, its own NATS user, a key of account 1 and 2."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from cift.core.database import Account, ApiKey, Database, Instrument
from cift.core.nats_manager import NatsManager
from cift.core.streams import ensure_streams
from tests.servers.cache import CacheServer
from tests.servers.nats import NatsServer, free_port
from tests.servers.postgres import PostgresServer

KEY, OTHER_KEY, READER_KEY = "key-of-account-one", "key-of-account-two", "key-that-only-reads"
INSTRUMENTS = [
    Instrument("AAPL", 0.01, 1.0),
    Instrument("MSFT", 0.01, 1.0),
    Instrument("NVDA", 0.01, 1.0),
    Instrument("TSLA", 0.01, 1.0),
    Instrument("AMZN", 0.01, 1.0),
    Instrument("BTC-USD", 0.5, 0.001),
    Instrument("ETH-USD", 0.5, 0.001),
    Instrument("HALT", 0.01, 1.0, "halted"),
]


@dataclass
class ApiServer:
    """One uvicorn with workers; `client()` speaks to it as account 1 unless told otherwise."""

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    workers: int = 2
    options: list[str] = field(default_factory=list)
    scheme: str = "http"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def client(self, key: str | None = KEY, **options: object) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, trust_env=False, **options)

    def start(self) -> None:
        """Start and return when every worker answers."""
        metrics = self.folder / "metrics"
        metrics.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "cift.api", "--port", str(self.port), "--workers", str(self.workers)]
        command += self.options
        environment = os.environ | self.environment | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + 120
        while self.log.read_text().count("Application startup complete") < self.workers:
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise AssertionError(self.log.read_text())
            time.sleep(0.05)

    @property
    def log(self) -> Path:
        return self.folder / "api.log"

    def stop(self) -> int:
        """Stop it as systemd does and return the exit status."""
        assert self.process is not None
        pid = self.process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text() if self.process.poll() is None else ""
        self.process.terminate()
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            for worker in workers.split():  # none is left after a stop in time
                with suppress(ProcessLookupError):
                    os.kill(int(worker), signal.SIGKILL)


async def load_reference(database: Database) -> None:
    keys = [(KEY, 1, ("trade", "read")), (OTHER_KEY, 2, ("trade", "read")), (READER_KEY, 1, ("read",))]
    api_keys = [ApiKey(hashlib.sha256(key.encode()).hexdigest(), account, scopes) for key, account, scopes in keys]
    await database.load_reference(INSTRUMENTS, [Account(1, "one"), Account(2, "two")], api_keys)


@pytest.fixture
async def api_server(
    tmp_path: Path,
    nats_server: NatsServer,
    cache_server: CacheServer,
    postgres_server: PostgresServer,
    reference_database: Database,
) -> AsyncIterator[ApiServer]:
    """The API with NATS, a cache and PostgreSQL behind it; engine and recorder are the test's business."""
    await load_reference(reference_database)
    async with NatsManager(nats_server.settings("admin")) as nats:
        await ensure_streams(nats.js)
    environment = nats_server.environment("api") | cache_server.environment() | postgres_server.environment()
    server = ApiServer(tmp_path, environment | {"CIFT_ORDER_TIMEOUT_S": "0.5", "CLICKHOUSE_PORT": "1"})
    server.start()
    try:
        yield server
    finally:
        server.stop()
