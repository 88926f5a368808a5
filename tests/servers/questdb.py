"""A real QuestDB: the jar of the table of artifacts, with the configuration that the role renders, on free ports."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cift.core.config import Settings
from cift.core.migrations import load_migrations, migrate
from cift.core.questdb import QuestDB
from cift.core.questdb_migrations import QuestDBMigrations
from cift.ops.artifacts.table import read_items
from cift.ops.rooms import room
from tests.role_site import ROLES, Site
from tests.servers.nats import free_port

ROOT = ROLES.parent
PASSWORD, READER_PASSWORD = "questdb-secret", "reader-secret"


def jar() -> Path:
    """Return the jar, from the controller's cache or downloaded to it as a deployment would."""
    (item,) = [item for item in read_items(ROOT) if (item["name"], item["architecture"]) == ("questdb", "x86_64")]
    cache = ROOT / ".state/build/artifacts"
    cache.mkdir(parents=True, exist_ok=True)
    path: Path = room("artifact", "artifact_source").fetch(item, cache, "")[0]
    return path


def role_variables(**more: Any) -> dict[str, Any]:
    """Return what an inventory would say of a small server."""
    small = {"questdb_heap_mib": 128, "questdb_native_mib": 256, "questdb_shared_workers": 1, "questdb_http_workers": 1}
    secrets = {"cift_secret_questdb": PASSWORD, "cift_secret_questdb_reader": READER_PASSWORD}
    return small | secrets | more


class QuestDBServer:
    """Its folder and ports outlive `kill` and `start`, as on a host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.pg_port, self.health_port = free_port(), free_port(), free_port()
        ports = {
            "questdb_http_port": self.port,
            "questdb_pg_port": self.pg_port,
            "questdb_health_port": self.health_port,
        }
        self.variables = role_variables(questdb_data=str(folder), **ports)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder.with_suffix(".log")
        self.conf = folder / "conf/server.conf"
        self.conf.parent.mkdir(parents=True)
        site = Site({"host": self.variables}, {"timeseries": ["host"]}, {"distribution_major_version": "12"})
        self.conf.write_text(site.render("questdb", "host", "server.conf.j2"))
        for name in ("log.conf", "mime.types"):
            shutil.copy(ROLES / "questdb/files" / name, self.conf.parent)
        self.jar = jar()

    def environment(self) -> dict[str, str]:
        return {
            "CIFT_QUESTDB_ENABLED": "true",
            "QUESTDB_HTTP_PORT": str(self.port),
            "QUESTDB_PASSWORD": PASSWORD,
        }

    def settings(self, base: Settings | None = None) -> Settings:
        update = {
            "questdb_enabled": True,
            "questdb_host": "127.0.0.1",
            "questdb_http_port": self.port,
            "questdb_user": "cift",
            "questdb_password": SecretStr(PASSWORD),
        }
        return (base or Settings()).model_copy(update=update)

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the role's own program, as a host would."""
        program = ROLES / "questdb/files/cift_questdb.py"
        command = ["python3", str(program), *arguments, "--conf", str(self.conf)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def start(self) -> None:
        command = ["java", "-Xmx128m", "-XX:+UseSerialGC", "--add-exports", "java.base/jdk.internal.math=io.questdb"]
        command += ["-p", str(self.jar), "-m", "io.questdb/io.questdb.ServerMain", "-d", str(self.folder)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while (done := self.ask("wait", "--seconds", "1")).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(done.stderr + self.log.read_text()[-4000:])

    def kill(self) -> None:
        """End it as kill -9 would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


async def make_tables(server: QuestDBServer) -> None:
    async with QuestDB(server.settings()) as questdb:
        await migrate(QuestDBMigrations(questdb), load_migrations("questdb"))


@pytest.fixture(scope="module")
def questdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuestDBServer]:
    """One for a file's tests, empty at first."""
    server = QuestDBServer(tmp_path_factory.mktemp("questdb") / "data")
    try:
        server.start()
        yield server
    finally:
        server.kill()
