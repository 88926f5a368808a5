"""The client under TLS: a certificate of the site's authority, and one of somebody else.

The engine here has no TLS of its own, so a relay before it has it: the client is real, and so is the engine.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cift.core.clickhouse.connection import ClickHouseUnavailableError
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.config import Settings
from tests.servers.chdb import ChdbServer


def certificate(folder: Path, name: str) -> Path:
    """A certificate for 127.0.0.1 that signs itself; its key is beside it."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / f"{name}.crt"


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relay(chdb_server: ChdbServer, tmp_path: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, "site"), tmp_path / "site.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    plain, _ = listener.accept()
                    threading.Thread(target=answer, args=(plain,), daemon=True).start()

        def answer(plain: socket.socket) -> None:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(plain, server_side=True) as client,
                socket.create_connection((chdb_server.host, chdb_server.port)) as engine,
            ):
                threading.Thread(target=pump, args=(engine, client), daemon=True).start()
                pump(client, engine)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


async def test_the_site_s_own_authority_is_trusted_and_no_other(
    chdb_server: ChdbServer, relay: int, tmp_path: Path
) -> None:
    values = {**chdb_server.environment, "CLICKHOUSE_PORT": str(relay), "CLICKHOUSE_DB": "default"}
    trusting = Settings.model_validate({**values, "CLICKHOUSE_CA": str(tmp_path / "site.crt")})
    async with ClickHouseManager(trusting) as manager:
        assert await manager.ping() > 0
    other = certificate(tmp_path, "other")
    with pytest.raises(ClickHouseUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        await ClickHouseManager(Settings.model_validate({**values, "CLICKHOUSE_CA": str(other)})).connect()
    with pytest.raises(ClickHouseUnavailableError):
        await ClickHouseManager(Settings.model_validate(values)).connect()
