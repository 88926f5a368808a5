"""The whole trading stack of a host, as real processes: data services, engine, recorder and API."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cift.core.config import Settings
from cift.core.database import Database
from cift.core.shards import all_shards
from cift.ops.schema import apply_all
from tests.servers.api import ApiServer, load_reference
from tests.servers.cache import CacheServer
from tests.servers.chdb import ChdbServer
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer, new_database


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
    """Everything; `settings` are an operator's, `engines` has one of each shard."""

    settings: Settings
    nats: NatsServer
    cache: CacheServer
    chdb: ChdbServer
    postgres: PostgresServer
    engines: list[Service]
    recorder: Service
    api: ApiServer

    @property
    def engine(self) -> Service:
        return self.engines[0]

    async def healthy(self, timeout_s: float = 30.0) -> None:
        """Return when /health is green; fail with what it says and the services' last words."""
        deadline = time.monotonic() + timeout_s
        async with self.api.client(key=None) as client:
            while (response := await client.get("/health")).status_code != 200:
                if time.monotonic() > deadline:
                    parts = [of.log for of in (*self.engines, self.recorder)]
                    logs = [log.read_text()[-2000:] for log in (*parts, self.api.log(0))]
                    raise AssertionError("\n".join([response.text, *logs]))
                await asyncio.sleep(0.1)


async def _prepare(settings: Settings) -> None:
    await apply_all(settings, lambda _: None)
    async with Database.from_settings(settings) as database:
        await load_reference(database)


@contextmanager
def running_stack(
    folder: Path, chdb_server: ChdbServer, postgres_cluster: PostgresServer, *, shards: int = 1
) -> Iterator[Stack]:
    """A healthy stack with the schemas applied and reference data loaded, its instruments shared by so many engines."""
    postgres = asyncio.run(new_database(postgres_cluster))
    nats, cache = NatsServer(folder), CacheServer(folder)
    clickhouse = chdb_server.environment | {"CLICKHOUSE_DB": f"stack_{uuid.uuid4().hex[:12]}"}
    shared = {"CIFT_ENGINE_SHARDS": str(shards)}
    data = cache.environment() | postgres.environment() | clickhouse | shared
    engines = []
    for shard in all_shards(shards):
        (own := folder / shard.service).mkdir()
        number = {"CIFT_ENGINE_SHARD": str(shard.number)}
        engines.append(Service("engine", own, data | nats.environment("engine") | number))
    recorder = Service("recorder", folder, data | nats.environment("recorder"))
    api = ApiServer(folder, data | nats.environment("api"))
    settings = nats.settings("admin", cache.settings(postgres.settings(Settings(**clickhouse, **shared))))
    stack = Stack(settings, nats, cache, chdb_server, postgres, engines, recorder, api)
    try:
        nats.start()
        cache.start()
        asyncio.run(_prepare(settings))
        for part in (*engines, recorder, api):
            part.start()
        asyncio.run(stack.healthy())
        yield stack
    finally:
        api.stop()
        for part in (recorder, *engines):
            if part.process is not None:
                part.stop()
        cache.kill()
        nats.kill()
        with chdb_server.client() as client:
            client.command(f"DROP DATABASE IF EXISTS {settings.clickhouse_db} SYNC")


@pytest.fixture(scope="module")
def trading_stack(
    tmp_path_factory: pytest.TempPathFactory, chdb_server: ChdbServer, postgres_cluster: PostgresServer
) -> Iterator[Stack]:
    """A stack shared by a file's tests.

    Each test takes a symbol of its own; what it kills it starts again.
    """
    with running_stack(tmp_path_factory.mktemp("stack"), chdb_server, postgres_cluster) as stack:
        yield stack
