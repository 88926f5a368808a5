"""A host's data services, engine and API as processes of their own, for a load test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import SecretStr

from cift.core.config import Settings
from cift.core.database import Database
from cift.core.database_migrations import PostgresMigrations
from cift.core.migrations import load_migrations, migrate
from cift.core.nats_manager import NatsManager
from cift.core.shards import all_shards
from cift.core.streams import ensure_streams
from tests.servers.api import KEY, ApiServer, load_reference
from tests.servers.cache import CacheServer
from tests.servers.nats import NatsServer
from tests.servers.postgres import cluster, new_database
from tests.servers.services import Service

ROLE = Path(__file__).parents[2] / "roles" / "nats" / "defaults" / "main.yml"
SYMBOLS = ["AAPL", "MSFT", "NVDA", "AMZN"]  # of two shards each has two
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Host:
    """Everything that runs; `settings` are those of who writes orders."""

    settings: Settings
    processes: dict[str, int]

    def cpu_s(self) -> dict[str, float]:
        """Return the seconds of CPU that each process has used, this one among them."""
        used = {}
        for name, pid in self.processes.items():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used[name] = (int(fields[11]) + int(fields[12])) / _TICKS
        return used


@asynccontextmanager
async def host(
    codec: str, *, decider: str = "core", sync: str = "", workers: int = 0, shards: int = 1
) -> AsyncIterator[Host]:
    """Start a NATS server as the role configures it, PostgreSQL, an engine of each shard and `workers` of the API.

    `codec` is the engine's CIFT_NATS_CODEC, `decider` its CIFT_ENGINE_DECIDER; `sync` is instead of the role's
    `nats_sync_interval`.
    """
    role = yaml.safe_load(ROLE.read_text())
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cift-load-")))
        postgres = stack.enter_context(cluster())
        postgres.start()
        stack.callback(postgres.stop)
        database = await new_database(postgres)
        async with Database.from_settings(database.settings()) as reference:
            await migrate(PostgresMigrations(reference), load_migrations("postgresql"))
            await load_reference(reference)
        nats = NatsServer(folder)
        store = f"max_file_store: {role['nats_max_file_store']}, sync_interval: {sync or role['nats_sync_interval']}"
        nats.variables["GOGC"] = str(role["nats_garbage_percent"])
        if len(os.sched_getaffinity(0)) <= 2:
            nats.variables["GOMAXPROCS"] = "1"  # nats_processors
        nats.config.write_text(nats.config.read_text().replace("max_file_store: 8GB", store))
        nats.start()
        stack.callback(nats.stop)
        async with NatsManager(nats.settings()) as manager:
            await ensure_streams(manager.js, shards=shards)
        shared = {"CIFT_ENGINE_SHARDS": str(shards)}
        compared = {"CIFT_NATS_CODEC": codec, "CIFT_ENGINE_DECIDER": decider}
        environment = nats.environment("engine") | database.environment() | shared | compared
        assert nats.process is not None
        settings = nats.settings().model_copy(update={"engine_shards": shards})
        found = Host(settings, {"nats": nats.process.pid, "load": os.getpid()})
        for shard in all_shards(shards):
            (own := folder / shard.service).mkdir()
            number = {"CIFT_ENGINE_SHARD": str(shard.number)}
            engine = await stack.enter_async_context(Service("engine", environment | number, own))
            assert engine.process is not None
            found.processes[shard.service] = engine.process.pid
        if workers:
            cache = CacheServer(folder)
            cache.start()
            stack.callback(cache.kill)
            environment = nats.environment("api") | cache.environment() | database.environment() | shared
            api = ApiServer(folder, environment | {"CLICKHOUSE_PORT": "1"}, workers=workers)
            api.start()
            stack.callback(api.stop)
            found.processes |= {f"api{number}": process.pid for number, process in api.processes.items()}
            found.settings = found.settings.model_copy(
                update={"api_url": api.url, "api_key": SecretStr(KEY), "api_ca": ""}
            )
        yield found
