"""How the API runs: health of what is behind it, TLS, metrics of all workers, and how it stops."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx

from tests.servers.api import KEY, ApiServer
from tests.servers.cache import CacheServer
from tests.servers.nats import NatsServer, free_port, seed
from tests.servers.postgres import PASSWORD


async def _states(server: ApiServer) -> dict[str, str]:
    async with server.client(key=None) as client:
        response = await client.get("/health")
    body = response.json()
    assert response.status_code == (200 if body["status"] == "up" else 503)
    return {name: entry["state"] for name, entry in body["dependencies"].items()}


async def _until(server: ApiServer, name: str, state: str) -> None:
    for _ in range(100):
        if (await _states(server))[name] == state:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{name} did not become {state}: {await _states(server)}")


async def test_health_tells_each_dependency_and_no_secret(api_server: ApiServer, nats_server: NatsServer) -> None:
    async with api_server.client(key=None) as client:
        response = await client.get("/health")
    dependencies = response.json()["dependencies"]
    assert response.status_code == 503
    for name in ("nats", "cache", "postgresql"):
        assert dependencies[name]["state"] == "up"
        assert dependencies[name]["latency_ms"] > 0
    for name in ("engine", "recorder"):  # neither runs in this test
        assert dependencies[name]["state"] == "down"
    for secret in (PASSWORD, seed("api").decode(), KEY, "secret", "127.0.0.1"):
        assert secret not in response.text


async def test_health_follows_what_goes_and_comes_back(
    api_server: ApiServer, nats_server: NatsServer, cache_server: CacheServer
) -> None:
    cache_server.kill()
    nats_server.kill()
    await _until(api_server, "cache", "down")
    await _until(api_server, "nats", "down")
    async with api_server.client() as client:
        book = await client.get("/api/v1/book/AAPL")
        assert (book.status_code, book.json()["code"]) == (503, "unavailable")
    cache_server.start()
    nats_server.start()
    await _until(api_server, "cache", "up")
    await _until(api_server, "nats", "up")


async def test_the_api_starts_before_nats_does(api_server: ApiServer, nats_server: NatsServer) -> None:
    api_server.stop()
    nats_server.kill()
    api_server.start()
    assert (await _states(api_server))["nats"] == "down"
    nats_server.start()
    await _until(api_server, "nats", "up")


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a key and a certificate of its own for 127.0.0.1, as the role does."""
    key, certificate = folder / "api.key", folder / "api.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=api"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return key, certificate


async def test_tls(api_server: ApiServer, tmp_path: Path) -> None:
    key, certificate = _certificate(tmp_path)
    api_server.stop()
    api_server.scheme = "https"
    api_server.options = ["--certificate", str(certificate), "--key", str(key)]
    api_server.start()
    async with api_server.client(verify=ssl.create_default_context(cafile=str(certificate))) as client:
        assert (await client.get("/api/v1/book/AAPL")).status_code == 200


async def test_by_hand_it_listens_itself(api_server: ApiServer) -> None:
    port = free_port()
    command = [sys.executable, "-m", "cift.api", "--port", str(port)]
    environment = os.environ | api_server.environment
    first = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.DEVNULL)
    try:
        async with (
            asyncio.timeout(60),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        ):
            while True:
                try:
                    assert (await client.get("/health")).json()["dependencies"]["nats"]["state"] == "up"
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        second = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.PIPE)
        _, said = await second.communicate()
        assert second.returncode != 0
        assert b"Address already in use" in said
    finally:
        first.terminate()
        await first.wait()


async def test_metrics_add_up_the_workers(api_server: ApiServer) -> None:
    for _ in range(8):  # each on a new connection, so that both workers take some
        async with api_server.client() as client:
            await client.get("/api/v1/book/AAPL")
    async with api_server.client(key=None) as client:
        text = (await client.get("/metrics")).text
    assert 'cift_http_requests_total{method="GET",route="/api/v1/book/{symbol}",status="200"} 8.0' in text


async def test_a_stop_is_graceful(api_server: ApiServer) -> None:
    assert api_server.stop() == [-signal.SIGTERM] * api_server.workers
    for number in range(api_server.workers):
        log = api_server.log(number).read_text()
        assert "Application shutdown complete" in log
        assert "Traceback" not in log


async def test_workers_restarted_one_by_one_miss_no_request(api_server: ApiServer) -> None:
    """Clients that keep their connection, and clients that open one for each request."""
    done = asyncio.Event()

    async def keeps() -> int:
        async with api_server.client(limits=httpx.Limits(max_connections=1)) as client:
            return await asks(client)

    async def opens() -> int:
        async with api_server.client(limits=httpx.Limits(max_keepalive_connections=0)) as client:
            return await asks(client)

    async def asks(client: httpx.AsyncClient) -> int:
        count = 0
        while not done.is_set():
            assert (await client.get("/api/v1/book/AAPL")).status_code == 200
            count += 1
        return count

    clients = [asyncio.create_task(each()) for each in (keeps, keeps, keeps, opens, opens)]
    for number in [*range(api_server.workers)] * 3:
        assert await asyncio.to_thread(api_server.end, number) == -signal.SIGTERM
        api_server.launch(number)
        await asyncio.to_thread(api_server.wait, number)
    done.set()
    counts = await asyncio.gather(*clients)
    assert min(counts) > 10
    async with api_server.client(key=None) as client:
        text = (await client.get("/metrics")).text
    answered = f'route="/api/v1/book/{{symbol}}",status="200"}} {float(sum(counts))}'
    assert answered in text, "a worker counts on after its restart"
