"""What the API reads back: orders, fills, trades and bars out of ClickHouse, instruments and the account."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.integration.test_trading_flow_phase7 import _eventually, _place
from tests.servers.api import INSTRUMENTS, OTHER_KEY, READER_KEY, ApiServer
from tests.servers.stack import Stack

V1 = "/api/v1"


async def _get(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    response = await client.get(f"{V1}/{path}", params=query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def _orders(client: httpx.AsyncClient, count: int, **query: Any) -> list[dict[str, Any]]:
    """The account's orders, once the recorder has stored `count` of them."""

    async def ask() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await _get(client, "orders", **query))["orders"]
        return found

    return await _eventually(ask, lambda found: len(found) == count)


async def test_instruments_and_the_account(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        found = (await client.get(f"{V1}/instruments")).json()
        assert [each["symbol"] for each in found] == sorted(each.symbol for each in INSTRUMENTS)
        assert found[0] == {"symbol": "AAPL", "tick_size": 0.01, "lot_size": 1.0, "state": "active"}
        assert await _get(client, "accounts/me") == {"account_id": 1, "name": "one", "scopes": ["read", "trade"]}
    async with api_server.client(READER_KEY) as reader:
        assert (await _get(reader, "accounts/me"))["scopes"] == ["read"]


async def test_without_clickhouse_history_is_a_503_that_says_so(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        for path in ("orders", "fills", "trades/AAPL", "bars/AAPL"):
            response = await client.get(f"{V1}/{path}")
            assert (response.status_code, response.json()["code"]) == (503, "unavailable"), path
            assert "ClickHouse" in response.json()["detail"]
            assert response.headers["Retry-After"] == "1"


BAD_QUERIES = {
    "orders?limit=0": "limit",
    "orders?limit=501": "limit",
    "orders?cursor=x": "cursor",
    "orders?cursor=1-2": "cursor",
    "orders?cursor=9999999999999999999": "cursor",
    "orders?state=closed": "state",
    "orders?symbol=a%00": "symbol",
    "fills?cursor=1": "cursor",
    "fills?cursor=-": "cursor",
    "trades/AAPL?cursor=1-2": "cursor",
    "bars/AAPL?interval=7m": "interval",
    "bars/AAPL?start=2&end=1": "end",
    "bars/AAPL?start=-1": "start",
    "bars/AAPL?start=0&interval=1s": "start",
}


async def test_bad_queries_are_422_with_the_field_named(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        for query, field in BAD_QUERIES.items():
            response = await client.get(f"{V1}/{query}")
            assert response.status_code == 422, (query, response.text)
            assert [error["field"] for error in response.json()["errors"]] == [field], query
        for path in ("trades/NOPE", "bars/NOPE"):
            assert (await client.get(f"{V1}/{path}")).status_code == 404


async def test_orders_tell_how_they_stand_and_only_to_their_account(trading_stack: Stack) -> None:
    symbol = "AAPL"
    async with trading_stack.api.client() as owner, trading_stack.api.client(OTHER_KEY) as other:
        resting = await _place(owner, symbol, "sell", 100, 200.0, client_order_id="reading-1")
        done = await _place(owner, symbol, "sell", 10, 199.0)
        gone = await _place(owner, symbol, "buy", 5, 100.0)
        await _place(other, symbol, "buy", 10, 199.0)
        await _place(other, symbol, "buy", 30, 200.0)
        assert (await owner.patch(f"{V1}/orders/{resting['order_id']}", json={"reduce_by": 20})).status_code == 200
        await _place(other, symbol, "buy", 1, 200.0)
        assert (await owner.delete(f"{V1}/orders/{gone['order_id']}")).status_code == 200
        refused = await owner.post(
            f"{V1}/orders", json={"symbol": symbol, "side": "buy", "quantity": 2_000_000, "price": 1.0}
        )
        assert refused.status_code == 422

        orders = await _orders(owner, 4, symbol=symbol)
        ids = [order["order_id"] for order in orders]
        assert ids == [refused.json()["order_id"], gone["order_id"], done["order_id"], resting["order_id"]]
        assert [order["status"] for order in orders] == ["rejected", "cancelled", "filled", "partially_filled"]
        assert orders[0]["reason"] == "max_position_size"
        assert (orders[1]["reason"], orders[1]["remaining_quantity"]) == ("user", 0)
        assert (orders[2]["filled_quantity"], orders[2]["average_price"]) == (10, 199.0)
        left = orders[3]
        assert (left["quantity"], left["filled_quantity"], left["remaining_quantity"]) == (100, 31, 49)
        assert (left["client_order_id"], left["price"], left["average_price"]) == ("reading-1", 200.0, 200.0)
        assert left["ts"] < left["updated_ts"] < time.time_ns()

        assert (await owner.patch(f"{V1}/orders/{left['order_id']}", json={"quantity": 60})).status_code == 200
        (opened,) = await _eventually(
            lambda: _orders(owner, 1, symbol=symbol, state="open"), lambda found: found[0]["remaining_quantity"] == 60
        )
        assert opened["filled_quantity"] == 31
        assert {order["order_id"] for order in await _orders(other, 3, symbol=symbol)}.isdisjoint(ids)


async def test_pages_follow_each_other(trading_stack: Stack) -> None:
    symbol = "NVDA"
    async with trading_stack.api.client() as owner, trading_stack.api.client(OTHER_KEY) as taker:
        placed = [(await _place(owner, symbol, "sell", 1, 50.0 + cents / 100))["order_id"] for cents in range(7)]
        await _place(taker, symbol, "buy", 7, 51.0)
        await _orders(owner, 7, symbol=symbol)
        for name, key in (("orders", "order_id"), ("fills", "order_id"), (f"trades/{symbol}", "price")):
            rows: list[Any] = []
            cursor: dict[str, str] = {}
            for _ in range(4):
                page = await _eventually(
                    lambda name=name, cursor=cursor: _get(owner, name, symbol=symbol, limit=2, **cursor),
                    lambda page, name=name: bool(page[name.partition("/")[0]]),
                )
                rows += [row[key] for row in page[name.partition("/")[0]]]
                if page["next"] is None:
                    break
                cursor = {"cursor": page["next"]}
            wanted = [50.0 + cents / 100 for cents in range(7)] if key == "price" else placed
            assert rows == wanted[::-1], name


async def test_fills_tell_both_sides_and_neither_who_the_other_is(trading_stack: Stack) -> None:
    symbol = "TSLA"
    async with trading_stack.api.client() as maker, trading_stack.api.client(OTHER_KEY) as taker:
        rests = await _place(maker, symbol, "sell", 9, 70.0)
        takes = await _place(taker, symbol, "buy", 4, 71.0)
        for client, order, side, liquidity in ((maker, rests, "sell", "maker"), (taker, takes, "buy", "taker")):
            page = await _eventually(
                lambda client=client: _get(client, "fills", symbol=symbol), lambda page: bool(page["fills"])
            )
            (fill,) = page["fills"]
            assert (fill["order_id"], fill["side"], fill["liquidity"]) == (order["order_id"], side, liquidity)
            assert (fill["price"], fill["quantity"], fill["seq"]) == (70.0, 4, takes["order_id"])
            assert not [name for name in fill if "user" in name or "account" in name or "maker_" in name]

        bars = await _eventually(lambda: _get(maker, f"bars/{symbol}"), lambda answer: bool(answer["bars"]))
        (bar,) = bars["bars"]
        assert (bar["open"], bar["close"], bar["volume"], bar["trades"]) == (70.0, 70.0, 4, 1)
        assert bar["ts"] % (60 * 10**9) == 0
