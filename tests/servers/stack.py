"""The whole trading stack of a host, as real processes: data services, engine, recorder and API."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cift.core.config import Settings
from cift.core.database import Database
from cift.ops.schema import apply_all
from tests.servers.api import ApiServer, load_reference
from tests.servers.cache import CacheServer
from tests.servers.chdb import ChdbServer
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer


@dataclass
class Service:
    """`python -m cift.services.<name>` with an environment of its own; its log outlives a restart."""

    name: str
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        command = [sys.executable, "-m", f"cift.services.{self.name}", "--metrics-port", "0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | self.environment)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop it as systemd does and return the exit status."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


@dataclass
class Stack:
    """Everything; `settings` are an operator's."""

    settings: Settings
    nats: NatsServer
    cache: CacheServer
    chdb: ChdbServer
    postgres: PostgresServer
    engine: Service
    recorder: Service
    api: ApiServer

    async def healthy(self, timeout_s: float = 30.0) -> None:
        """Return when /health is green; fail with what it says and the services' last words."""
        deadline = time.monotonic() + timeout_s
        async with self.api.client(key=None) as client:
            while (response := await client.get("/health")).status_code != 200:
                if time.monotonic() > deadline:
                    logs = [log.read_text()[-2000:] for log in (self.engine.log, self.recorder.log, self.api.log)]
                    raise AssertionError("\n".join([response.text, *logs]))
                await asyncio.sleep(0.1)


@pytest.fixture
async def trading_stack(
    tmp_path: Path,
    nats_server: NatsServer,
    cache_server: CacheServer,
    chdb_server: ChdbServer,
    clickhouse_database: str,
    postgres_server: PostgresServer,
) -> AsyncIterator[Stack]:
    """A stack with the schemas applied and reference data loaded, healthy, and empty of orders."""
    clickhouse = chdb_server.environment | {"CLICKHOUSE_DB": clickhouse_database}
    data = cache_server.environment() | postgres_server.environment() | clickhouse
    settings = nats_server.settings("admin", cache_server.settings(postgres_server.settings()))
    settings = settings.model_copy(update=Settings(**clickhouse).model_dump(include=_CLICKHOUSE))
    await apply_all(settings, lambda _: None)
    async with Database.from_settings(settings) as database:
        await load_reference(database)
    engine = Service("engine", tmp_path, data | nats_server.environment("engine"))
    recorder = Service("recorder", tmp_path, data | nats_server.environment("recorder"))
    api = ApiServer(tmp_path, data | nats_server.environment("api"))
    started: list[Service | ApiServer] = []
    try:
        for part in (engine, recorder, api):
            part.start()
            started.append(part)
        stack = Stack(settings, nats_server, cache_server, chdb_server, postgres_server, engine, recorder, api)
        await stack.healthy()
        yield stack
    finally:
        for part in reversed(started):
            part.stop()


_CLICKHOUSE = {"clickhouse_host", "clickhouse_port", "clickhouse_db", "clickhouse_user", "clickhouse_password"}
