"""What the API refuses, and how, with two real workers behind one socket. No engine runs: a good order is a 202."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.servers.api import OTHER_KEY, READER_KEY, ApiServer
from tests.servers.nats import NatsServer

ORDERS = "/api/v1/orders"
GOOD: dict[str, Any] = {"symbol": "AAPL", "side": "buy", "quantity": 100, "price": 187.25}

# name: (body as text, the field that the answer must name)
BAD_ORDERS: dict[str, tuple[str, str]] = {
    "NaN price": ('{"symbol": "AAPL", "side": "buy", "quantity": 1, "price": NaN}', "price"),
    "infinite price": ('{"symbol": "AAPL", "side": "buy", "quantity": 1, "price": Infinity}', "price"),
    "price beyond a double": ('{"symbol": "AAPL", "side": "buy", "quantity": 1, "price": 1e400}', "price"),
    "price beyond the grid": (json.dumps(GOOD | {"price": 1e300}), "price"),
    "endless digits": ('{"symbol": "AAPL", "side": "buy", "quantity": 1, "price": ' + "9" * 5000 + "}", "body"),
    "many digits": ('{"symbol": "AAPL", "side": "buy", "quantity": 1, "price": ' + "9" * 400 + "}", "price"),
    "off tick": (json.dumps(GOOD | {"price": 187.255}), "price"),
    "zero price": (json.dumps(GOOD | {"price": 0}), "price"),
    "negative price": (json.dumps(GOOD | {"price": -1}), "price"),
    "price as text": (json.dumps(GOOD | {"price": "187.25"}), "price"),
    "price as bool": (json.dumps(GOOD | {"price": True}), "price"),
    "limit without price": (json.dumps({"symbol": "AAPL", "side": "buy", "quantity": 1}), "price"),
    "market with price": (json.dumps(GOOD | {"order_type": "market"}), "price"),
    "unknown side": (json.dumps(GOOD | {"side": "hold"}), "side"),
    "side missing": (json.dumps({"symbol": "AAPL", "quantity": 1, "price": 1}), "side"),
    "negative quantity": (json.dumps(GOOD | {"quantity": -5}), "quantity"),
    "zero quantity": (json.dumps(GOOD | {"quantity": 0}), "quantity"),
    "NaN quantity": ('{"symbol": "AAPL", "side": "buy", "quantity": NaN, "price": 1}', "quantity"),
    "part of a lot": (json.dumps(GOOD | {"quantity": 0.5}), "quantity"),
    "unknown symbol": (json.dumps(GOOD | {"symbol": "NOPE"}), "symbol"),
    "lone surrogate": ('{"symbol": "\\ud800", "side": "buy", "quantity": 1, "price": 1}', "symbol"),
    "halted symbol": (json.dumps(GOOD | {"symbol": "HALT"}), "symbol"),
    "endless symbol": (json.dumps(GOOD | {"symbol": "A" * 1000}), "symbol"),
    "subject as symbol": (json.dumps(GOOD | {"symbol": "AAPL.>"}), "symbol"),
    "unknown type": (json.dumps(GOOD | {"order_type": "auction"}), "order_type"),
    "unknown tif": (json.dumps(GOOD | {"tif": "WEEK"}), "tif"),
    "post-only IOC": (json.dumps(GOOD | {"post_only": True, "tif": "IOC"}), "post_only"),
    "line break in id": (json.dumps(GOOD | {"client_order_id": "a\nb"}), "client_order_id"),
    "long id": (json.dumps(GOOD | {"client_order_id": "a" * 65}), "client_order_id"),
    "unknown field": (json.dumps(GOOD | {"prize": 1}), "prize"),
    "a name that is no text": ('{"\\udfff": 1}', "body"),
    "empty body": ("", "body"),
    "no JSON": ("symbol=AAPL", "body"),
    "half a JSON": ('{"symbol": "AAPL"', "body"),
    "a list": ("[1, 2]", "body"),
    "deep JSON": ("[" * 60_000, "body"),
}


async def test_bad_orders_get_422_with_the_field_named(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        for name, (text, field) in BAD_ORDERS.items():
            headers = {"Content-Type": "application/json"}
            response = await client.post(ORDERS, content=text.encode(), headers=headers)
            assert response.status_code == 422, (name, response.text)
            assert response.headers["content-type"] == "application/problem+json", name
            problem = response.json()
            assert {"type", "title", "status", "detail"} <= problem.keys(), name
            assert field in [error["field"] for error in problem["errors"]], (name, problem)
            assert "NaN" not in response.text, name
        several = await client.post(ORDERS, json={"symbol": "AAPL", "side": "hold", "quantity": -1})
        assert [error["field"] for error in several.json()["errors"]] == ["side", "quantity"]
        for number in range(api_server.workers):
            assert "Traceback" not in api_server.log(number).read_text()


async def test_a_body_of_10_mb_is_refused_with_and_without_a_declared_length(api_server: ApiServer) -> None:
    async def chunks() -> Any:
        for _ in range(160):
            yield b" " * 65_536

    for content in (b" " * 10_485_760, chunks()):
        async with api_server.client() as client:
            response = await client.post(ORDERS, content=content)
            assert response.status_code == 422
            assert response.json()["errors"] == [{"field": "body", "message": "must not exceed 65536 bytes"}]
            assert (await client.get("/api/v1/book/AAPL")).status_code == 200


async def test_bytes_that_are_no_utf8_are_refused(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        response = await client.post(
            ORDERS, content=b'{"symbol": "\xff"}', headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "body"


async def test_who_has_no_key_gets_401_and_who_may_not_trade_403(api_server: ApiServer) -> None:
    for key in (None, "not-a-key"):
        async with api_server.client(key) as client:
            response = await client.post(ORDERS, json=GOOD)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert response.json()["code"] == "unauthorized"
    async with api_server.client(READER_KEY) as client:
        assert (await client.post(ORDERS, json=GOOD)).status_code == 403
        assert (await client.get("/api/v1/book/AAPL")).status_code == 200


async def test_without_an_engine_an_order_is_pending_and_its_owner_alone_can_see_it(api_server: ApiServer) -> None:
    async with api_server.client() as client, api_server.client(OTHER_KEY) as stranger:
        response = await client.post(ORDERS, json=GOOD)
        order = response.json()
        assert (response.status_code, order["status"]) == (202, "pending")
        assert response.headers["Location"] == f"{ORDERS}/{order['order_id']}"
        assert (await client.get(response.headers["Location"])).json() == order
        assert (await client.delete(f"{ORDERS}/{order['order_id']}")).status_code == 202
        for method in ("GET", "DELETE"):
            assert (await stranger.request(method, response.headers["Location"])).status_code == 403
        for nobody in (order["order_id"] + 1, 10**6, 2**63 - 1):
            assert (await client.get(f"{ORDERS}/{nobody}")).status_code == 404
        for wrong in ("0", "-1", str(2**63), "abc"):
            response = await client.get(f"{ORDERS}/{wrong}")
            assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "order_id")
        response = await client.patch(f"{ORDERS}/{order['order_id']}", json={"reduce_by": 0.5})
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "reduce_by")


# name: (body, the field that the answer must name)
BAD_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "body"),
    "nothing but null": ({"price": None, "quantity": None}, "body"),
    "off tick": ({"price": 187.255}, "price"),
    "zero price": ({"price": 0}, "price"),
    "price as text": ({"price": "187.25"}, "price"),
    "part of a lot": ({"quantity": 0.5}, "quantity"),
    "negative quantity": ({"quantity": -1}, "quantity"),
    "both ways": ({"price": 187.25, "reduce_by": 1}, "reduce_by"),
    "unknown field": ({"prize": 1}, "prize"),
}

# the query, and the field that the answer must name
BAD_MASS_CANCELS = {
    "": "symbol",
    "symbol=NOPE": "symbol",
    "symbol=AAPL.%3E": "symbol",
    "symbol=AAPL&side=both": "side",
    "symbol=AAPL&sid=buy": "sid",
    "symbol=AAPL&min_price=187.255": "min_price",
    "symbol=AAPL&min_price=-1": "min_price",
    "symbol=AAPL&max_price=nan": "max_price",
    "symbol=AAPL&max_price=inf": "max_price",
    "symbol=AAPL&min_price=2&max_price=1": "max_price",
}


async def test_bad_changes_and_mass_cancels_get_422_with_the_field_named(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        order = f"{ORDERS}/{(await client.post(ORDERS, json=GOOD)).json()['order_id']}"
        for name, (body, field) in BAD_CHANGES.items():
            response = await client.patch(order, json=body)
            assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field), name
        for query, field in BAD_MASS_CANCELS.items():
            response = await client.delete(f"{ORDERS}?{query}")
            assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field), query


async def test_changes_and_mass_cancels_without_an_engine_are_pending_and_not_for_everybody(
    api_server: ApiServer,
) -> None:
    async with api_server.client() as client, api_server.client(OTHER_KEY) as stranger:
        order = f"{ORDERS}/{(await client.post(ORDERS, json=GOOD)).json()['order_id']}"
        pending = await client.patch(order, json={"price": 187.0, "quantity": 5})
        assert (pending.status_code, pending.json()["status"]) == (202, "pending")
        for symbol in ("AAPL", "HALT"):  # what rests in a halted instrument may leave
            pending = await client.delete(f"{ORDERS}?symbol={symbol}")
            assert (pending.status_code, pending.json()["status"]) == (202, "pending")
        assert (await stranger.patch(order, json={"price": 187.0})).status_code == 403
        assert (await client.patch(f"{ORDERS}/1000000", json={"price": 187.0})).status_code == 404
    async with api_server.client(READER_KEY) as reader:
        assert (await reader.patch(order, json={"price": 187.0})).status_code == 403
        assert (await reader.delete(f"{ORDERS}?symbol=AAPL")).status_code == 403
    async with api_server.client(None) as nobody:
        assert (await nobody.delete(f"{ORDERS}?symbol=AAPL")).status_code == 401


async def test_a_repeated_request_is_the_same_order(api_server: ApiServer) -> None:
    order = GOOD | {"client_order_id": "a-1"}
    async with api_server.client() as client, api_server.client(OTHER_KEY) as stranger:
        first = (await client.post(ORDERS, json=order)).json()
        again = await client.post(ORDERS, json=order)
        assert again.json() == first
        assert again.headers["Idempotent-Replayed"] == "true"
        other = await client.post(ORDERS, json=order | {"quantity": 200})
        assert (other.status_code, other.json()["code"]) == (409, "client_order_id_used")
        assert (await stranger.post(ORDERS, json=order)).json()["order_id"] != first["order_id"]


async def test_books_of_unknown_symbols_are_404_and_of_quiet_ones_empty(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        quiet = await client.get("/api/v1/book/AAPL?depth=5")
        nothing = {"symbol": "AAPL", "seq": 0, "ts": 0, "bids": [], "asks": []}
        assert quiet.json() == nothing | {"phase": "continuous", "indication": None}
        assert (await client.get("/api/v1/book/NOPE")).status_code == 404
        deep = await client.get("/api/v1/book/AAPL?depth=0")
        assert (deep.status_code, deep.json()["errors"][0]["field"]) == (422, "depth")


async def test_unknown_paths_and_methods_are_problems_too(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        for method, path, status in (("GET", "/nothing", 404), ("PUT", ORDERS, 405), ("GET", "/api/v2/orders", 404)):
            response = await client.request(method, path)
            assert (response.status_code, response.json()["status"]) == (status, status)


async def test_nats_away_is_a_quick_503_and_back_is_back(api_server: ApiServer, nats_server: NatsServer) -> None:
    async with api_server.client() as client:
        assert (await client.post(ORDERS, json=GOOD)).status_code == 202
        nats_server.kill()
        for _ in range(4):
            response = await client.post(ORDERS, json=GOOD)
            assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
            assert response.json()["code"] in ("unavailable", "unconfirmed")
        nats_server.start()
        await _until(client, "POST", ORDERS, 202)


async def _until(client: httpx.AsyncClient, method: str, path: str, status: int) -> httpx.Response:
    """Repeat until `status` comes several times in a row."""
    right = 0
    for _ in range(100):
        response = await client.request(method, path, json=GOOD if method == "POST" else None)
        right = right + 1 if response.status_code == status else 0
        if right == 4:
            return response
        await asyncio.sleep(0.1)
    pytest.fail(f"{response.status_code}: {response.text}")
