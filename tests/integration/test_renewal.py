"""A renewed certificate is served without a restart: its serial number is read over the wire, connections live on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
import time
from pathlib import Path

import asyncpg
import pytest
from cryptography import x509
from redis.asyncio import Redis

from tests.servers.api import ApiServer
from tests.servers.cache import CacheServer
from tests.servers.certificates import Authority, Certificate
from tests.servers.postgres import cluster


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def _serial(file: Path) -> int:
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


def _serial_at(port: int, authority: Authority, *, request: bytes = b"") -> int:
    """The serial number that the port shows; PostgreSQL wants to be asked for TLS first."""
    context = ssl.create_default_context(cafile=str(authority.path))
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as plain:
        if request:
            plain.sendall(request)
            assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            shown = connection.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown).serial_number


def _renew(old: Certificate, authority: Authority) -> int:
    """Put a new pair in the place of the old one; each file is whole at every moment."""
    new = authority.issue("new")
    new.key.chmod(old.key.stat().st_mode & 0o777)
    if os.geteuid() == 0:
        shutil.chown(new.key, old.key.stat().st_uid, old.key.stat().st_gid)
    new.key.replace(old.key)
    new.certificate.replace(old.certificate)
    return _serial(old.certificate)


async def test_the_api_under_load(api_server: ApiServer, authority: Authority) -> None:
    pair = authority.issue("api")
    first = _serial(pair.certificate)
    api_server.stop()
    api_server.scheme = "https"
    api_server.options = ["--certificate", str(pair.certificate), "--key", str(pair.key)]
    api_server.start()
    trust = ssl.create_default_context(cafile=str(authority.path))
    answered, done = 0, asyncio.Event()

    async def ask() -> None:
        nonlocal answered
        while not done.is_set():
            async with api_server.client(verify=trust) as client:
                assert (await client.get("/api/v1/book/AAPL")).status_code == 200
                answered += 1

    async with asyncio.TaskGroup() as group, api_server.client(verify=trust) as steady:
        group.create_task(ask())
        assert (await steady.get("/api/v1/book/AAPL")).status_code == 200
        assert await asyncio.to_thread(_serial_at, api_server.port, authority) == first
        second = _renew(pair, authority)
        # Each worker looks at its own next handshake: from now on nobody sees the old one.
        seen = {await asyncio.to_thread(_serial_at, api_server.port, authority) for _ in range(12)}
        assert seen == {second}
        assert (await steady.get("/api/v1/book/AAPL")).status_code == 200
        done.set()
    assert answered > 0


async def test_the_api_passes_over_half_a_pair(api_server: ApiServer, authority: Authority) -> None:
    pair = authority.issue("api")
    first = _serial(pair.certificate)
    api_server.stop()
    api_server.options = ["--certificate", str(pair.certificate), "--key", str(pair.key)]
    api_server.start()
    whole = pair.certificate.read_bytes()
    pair.certificate.write_bytes(authority.issue("other").certificate.read_bytes())
    assert await asyncio.to_thread(_serial_at, api_server.port, authority) == first
    pair.certificate.unlink()
    assert await asyncio.to_thread(_serial_at, api_server.port, authority) == first
    pair.certificate.write_bytes(whole)
    assert await asyncio.to_thread(_serial_at, api_server.port, authority) == first
    logs = "".join(api_server.log(number).read_text() for number in range(api_server.workers))
    assert "not a usable certificate" in logs
    assert "Traceback" not in logs


async def test_postgresql_reloads() -> None:
    with cluster() as server:
        authority = Authority(server.folder, "authority")
        pair = authority.issue("postgresql")
        pair.key.chmod(0o640)
        if os.geteuid() == 0:
            shutil.chown(pair.key, "root", "postgres")
        server.parameters = ("ssl=on", f"ssl_cert_file={pair.certificate}", f"ssl_key_file={pair.key}")
        server.start()
        trust = ssl.create_default_context(cafile=str(authority.path))
        steady = await asyncpg.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            database="postgres",
            ssl=trust,
        )
        request = bytes.fromhex("0000000804d2162f")  # SSLRequest
        first = await asyncio.to_thread(_serial_at, server.port, authority, request=request)
        second = _renew(pair, authority)
        await steady.execute("SELECT pg_reload_conf()")

        def shown() -> int:
            """What is shown once the server has read its files again, which it does in its own time."""
            deadline = time.monotonic() + 30
            while (now := _serial_at(server.port, authority, request=request)) == first and time.monotonic() < deadline:
                time.sleep(0.05)
            return now

        assert await asyncio.to_thread(shown) == second
        assert first != second
        assert await steady.fetchval("SELECT 1") == 1
        await steady.close()


async def test_the_cache_is_told(cache_server: CacheServer, authority: Authority) -> None:
    pair = authority.issue("cache")
    cache_server.kill()
    cache_server.speak_tls(pair, authority.path)
    cache_server.start()
    assert _serial_at(cache_server.port, authority) == _serial(pair.certificate)
    steady = Redis(
        host="127.0.0.1", port=cache_server.port, username=cache_server.user, password=cache_server.password,
        ssl=True, ssl_ca_certs=str(authority.path), single_connection_client=True,
    )  # fmt: skip
    await steady.set("kept", "1")
    second = _renew(pair, authority)
    # As the role's handler says it: both files at once.
    await steady.execute_command(
        "CONFIG", "SET", "tls-cert-file", str(pair.certificate), "tls-key-file", str(pair.key)
    )  # fmt: skip
    assert _serial_at(cache_server.port, authority) == second
    assert await steady.get("kept") == b"1"
    await steady.aclose()
