"""The analytics tables over HTTPS: a TLS end before the real chDB, which has none, with a certificate of the CA."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_backup_stores import Keys, Unit, ask, round_trip
from tests.servers.certificates import Authority, Certificate
from tests.servers.chdb import PASSWORD, make_server

pytestmark = pytest.mark.timeout(600)


@contextlib.contextmanager
def tls_end(port: int, own: Certificate) -> Iterator[int]:
    """Take TLS on a port of its own and pass what comes to another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    loop = asyncio.new_event_loop()

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while block := await source.read(1 << 16):
                target.write(block)
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, inner[1]), pump(inner[0], writer))

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    port_here = int(server.sockets[0].getsockname()[1])
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield port_here
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        server.close()


def test_tables_come_back_over_https_and_a_stranger_is_refused(tmp_path: Path) -> None:
    server, ours, other = make_server(tmp_path), Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    server.start()
    unit = Unit(tmp_path, server.start, lambda: server.stop() and None)
    try:
        with tls_end(server.port, ours.issue("one")) as port:
            with server.client() as client:
                client.command("CREATE DATABASE cift")
                client.command("CREATE TABLE cift.ticks (a UInt64) ENGINE = MergeTree ORDER BY a")
                client.command("INSERT INTO cift.ticks SELECT number FROM numbers(1000)")
            order = {"kind": "clickhouse", "url": f"https://127.0.0.1:{port}", "user": "cift", "password": PASSWORD}
            order |= {**unit.order(server.path), "ca": str(ours.path)}

            def spoil() -> None:
                with server.client() as client:
                    client.command("INSERT INTO cift.ticks VALUES (7)")

            seen = round_trip(order, Keys(tmp_path), tmp_path / "clickhouse.age", spoil)
            assert seen["loaded"]["counts"]["cift.ticks"]["rows"] == 1000
            for ca in (str(other.path), ""):
                refused = ask("count", {**order, "ca": ca})
                assert refused.returncode == 1
                assert "certificate verify failed" in refused.stderr
                assert PASSWORD not in refused.stderr
    finally:
        unit.close()
        server.stop()
