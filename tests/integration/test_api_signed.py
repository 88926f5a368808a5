"""Requests that a key signs: what passes, what is refused, on two workers, with the cache and without."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from cift.core import signing
from cift.core.signing import NONCE, SIGNATURE, TIMESTAMP, signed_headers
from tests.servers.api import KEY, OTHER_KEY, SIGNING_KEY, ApiServer
from tests.servers.cache import CacheServer
from tests.servers.certificates import Authority
from tests.servers.live import dial

ORDERS = "/api/v1/orders"
ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 1, "price": 10.0}
PROJECT = Path(__file__).parents[2]


class Signer(httpx.Auth):
    """Signs each request; `spoil` changes it afterwards."""

    requires_request_body = True

    def __init__(self, key: str, spoil: Callable[[httpx.Request], None] = lambda _: None) -> None:
        self.key, self.spoil = key, spoil

    def auth_flow(self, request: httpx.Request) -> Any:
        path, _, query = request.url.raw_path.decode().partition("?")
        request.headers.update(signed_headers(self.key, request.method, path, query, request.content))
        self.spoil(request)
        yield request


def client(api: ApiServer, key: str = SIGNING_KEY, **spoil: Any) -> httpx.AsyncClient:
    return api.client(None, auth=Signer(key, **spoil))


async def test_signed_requests_pass_and_unsigned_ones_of_a_key_that_must_sign_do_not(api_server: ApiServer) -> None:
    for key in (SIGNING_KEY, KEY):
        async with client(api_server, key) as signing_client:
            assert (await signing_client.post(ORDERS, json=ORDER)).status_code == 202
            assert (await signing_client.get(f"{ORDERS}?symbol=AAPL&limit=5")).status_code == 503  # no ClickHouse
            assert (await signing_client.delete(f"{ORDERS}?symbol=AAPL&min_price=1%2E5")).status_code == 202
            assert (await signing_client.get("/api/v1/accounts/me")).json()["account_id"] == 1
    async with api_server.client(SIGNING_KEY) as sends_it:
        response = await sends_it.get("/api/v1/accounts/me")
        assert (response.status_code, response.json()["code"]) == (401, "signature_required")
    async with client(api_server, OTHER_KEY) as cannot_sign:
        assert (await cannot_sign.get("/api/v1/accounts/me")).status_code == 401


def _other_body(request: httpx.Request) -> None:
    request.stream = httpx.ByteStream(json.dumps(ORDER | {"quantity": 2}).encode())
    request.headers["Content-Length"] = str(len(json.dumps(ORDER | {"quantity": 2})))


def _header(name: str, value: Any) -> Callable[[httpx.Request], None]:
    def spoil(request: httpx.Request) -> None:
        request.headers[name] = value() if callable(value) else value

    return spoil


def _without(name: str) -> Callable[[httpx.Request], None]:
    return lambda request: request.headers.pop(name)


def _other_url(request: httpx.Request) -> None:
    request.url = request.url.copy_with(query=b"symbol=MSFT")


BAD: dict[str, tuple[Callable[[httpx.Request], None], str]] = {
    "another body": (_other_body, "bad_signature"),
    "another query": (_other_url, "bad_signature"),
    "another signature": (_header(SIGNATURE, "0" * 64), "bad_signature"),
    "another nonce": (_header(NONCE, "x" * 16), "bad_signature"),
    "another time": (_header(TIMESTAMP, lambda: str(time.time_ns() // 10**6 + 1000)), "bad_signature"),
    "stale": (_header(TIMESTAMP, lambda: str(time.time_ns() // 10**6 - 6000)), "stale_request"),
    "early": (_header(TIMESTAMP, lambda: str(time.time_ns() // 10**6 + 6000)), "stale_request"),
    "no time": (_without(TIMESTAMP), "unauthorized"),
    "no nonce": (_without(NONCE), "unauthorized"),
    "no signature": (_without(SIGNATURE), "unauthorized"),
    "no key": (_without(signing.KEY), "unauthorized"),
    "seconds": (_header(TIMESTAMP, lambda: str(int(time.time()))), "unauthorized"),
    "short nonce": (_header(NONCE, "x"), "unauthorized"),
    "capitals": (_header(SIGNATURE, "A" * 64), "unauthorized"),
    "unknown key": (_header(signing.KEY, "0" * 64), "unauthorized"),
}


async def test_what_is_not_as_it_was_signed_is_refused_and_does_nothing(api_server: ApiServer) -> None:
    for name, (spoil, code) in BAD.items():
        async with client(api_server, spoil=spoil) as spoilt:
            response = await spoilt.post(ORDERS, json=ORDER)
            assert (response.status_code, response.json()["code"]) == (401, code), (name, response.text)
            assert response.headers["WWW-Authenticate"]
            assert response.headers["Content-Type"] == "application/problem+json"
    async with client(api_server) as right:
        assert (await right.post(ORDERS, json=ORDER)).json()["order_id"] == 1, "nothing before it is in the journal"


async def test_a_replayed_request_is_refused_by_every_worker(api_server: ApiServer, cache_server: CacheServer) -> None:
    async def replayed(times: int) -> list[int]:
        headers = signed_headers(SIGNING_KEY, "GET", "/api/v1/accounts/me")
        statuses = []
        for _ in range(times):  # each on a new connection, so that both workers take some
            async with api_server.client(None) as anew:
                statuses.append((await anew.get("/api/v1/accounts/me", headers=headers)).status_code)
        return statuses

    assert await replayed(8) == [200] + [401] * 7
    cache_server.kill()
    away = await replayed(8)
    assert away[0] == 200, "the cache away does not stop anybody"
    assert away.count(200) <= api_server.workers, "each worker remembers by itself"
    async with api_server.client(None) as anybody:
        assert "cift_api_cache_away_total" in (await anybody.get("/metrics")).text
    cache_server.start()
    await asyncio.sleep(1.2)
    assert await replayed(8) == [200] + [401] * 7


async def test_a_websocket_may_be_signed_for(api_server: ApiServer) -> None:
    path = "/api/v1/stream"
    async with dial(api_server, signed=signed_headers(SIGNING_KEY, "GET", path)):
        pass
    spoilt = signed_headers(SIGNING_KEY, "GET", "/api/v1/other")
    with pytest.raises(InvalidStatus, match="401"):
        async with dial(api_server, signed=spoilt):
            pass


async def test_the_example_in_the_readme_runs_over_tls(api_server: ApiServer, tmp_path: Path) -> None:
    api_server.stop()
    certificate = Authority(tmp_path, "ca").issue("api", addresses=("127.0.0.1",))
    api_server.options = ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    api_server.scheme, api_server.workers = "https", 1
    example = re.search(
        r"\n((    import hashlib, hmac, httpx.*\n)(?:    .*\n|\n)*)", (PROJECT / "README.md").read_text()
    )
    assert example
    environment = {"CIFT_API_CA": str(tmp_path / "ca.crt"), "CIFT_API_KEY": SIGNING_KEY, "CIFT_API_URL": api_server.url}
    await asyncio.to_thread(api_server.start)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(example[1]), env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert "'status': 'pending'" in said.decode()
    assert "'account_id': 1" in said.decode()
