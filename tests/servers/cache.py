"""A real cache server on a free port, with the user of a host and no default user."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from cift.core.config import Settings
from tests.servers.certificates import Certificate
from tests.servers.nats import free_port

USER, PASSWORD = "cift", "cache-secret"


class CacheServer:
    """Valkey or Redis, whichever the machine has. It keeps nothing on disk: a restart empties it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.user, self.password = USER, PASSWORD
        self.process: subprocess.Popen[bytes] | None = None
        # The server's port, and how it speaks there.
        self.arguments = ["--port", str(self.port)]
        (folder / "users.acl").write_text(f"user default off\nuser {USER} on >{PASSWORD} ~* &* +@all\n")

    def settings(self, base: Settings | None = None) -> Settings:
        update = {
            "cache_host": "127.0.0.1",
            "cache_port": self.port,
            "cache_user": USER,
            "cache_password": SecretStr(PASSWORD),
        }
        return (base or Settings()).model_copy(update=update)

    def environment(self) -> dict[str, str]:
        return {
            "CACHE_HOST": "127.0.0.1",
            "CACHE_PORT": str(self.port),
            "CACHE_USER": USER,
            "CACHE_PASSWORD": PASSWORD,
        }

    def start(self) -> None:
        program = shutil.which("valkey-server") or shutil.which("redis-server")
        assert program, "neither valkey-server nor redis-server is installed"
        arguments = [
            program, *self.arguments, "--bind", "127.0.0.1", "--dir", str(self.folder),
            "--save", "", "--appendonly", "no", "--aclfile", str(self.folder / "users.acl"),
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError((self.folder / "log").read_text())

    def speak_tls(self, certificate: Certificate, authority: Path) -> None:
        """From the next start on."""
        self.arguments = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
        self.arguments += ["--tls-cert-file", str(certificate.certificate), "--tls-key-file", str(certificate.key)]
        self.arguments += ["--tls-ca-cert-file", str(authority)]

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.kill()
        self.start()


@pytest.fixture
def cache_server(tmp_path: Path) -> Iterator[CacheServer]:
    folder = tmp_path / "cache"
    folder.mkdir()
    server = CacheServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
