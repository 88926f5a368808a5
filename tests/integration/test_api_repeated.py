"""Many orders in one request, and requests that are repeated: what is done once, and what each is answered."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.test_trading_flow_phase7 import ORDERS, _order, _place
from tests.servers.api import OTHER_KEY, READER_KEY
from tests.servers.stack import Stack

BATCH = f"{ORDERS}/batch"


async def _batch(client: httpx.AsyncClient, *orders: dict[str, Any]) -> list[dict[str, Any]]:
    response = await client.post(BATCH, json={"orders": orders})
    assert response.status_code == 200, response.text
    outcomes: list[dict[str, Any]] = response.json()["outcomes"]
    assert len(outcomes) == len(orders)
    return outcomes


async def test_each_order_of_a_batch_has_an_outcome_and_they_are_placed_in_order(trading_stack: Stack) -> None:
    async with trading_stack.api.client() as client, trading_stack.api.client(OTHER_KEY) as other:
        await _place(other, "AAPL", "sell", 5, 40.0)
        good = [_order("AAPL", "buy", 1, 30.0 + cents / 100, client_order_id=f"batch-{cents}") for cents in range(97)]
        mixed = [*good, _order("AAPL", "buy", 1, 30.005), _order("AAPL", "buy", 1, 40.0), _order("NOPE", "buy", 1, 1.0)]
        outcomes = await _batch(client, *mixed)
        assert [each["status"] for each in outcomes] == [201] * 97 + [422, 201, 422]
        placed = [each["order"] for each in outcomes if each["order"]]
        ids = [order["order_id"] for order in placed]
        assert ids == sorted(ids)
        assert [order["client_order_id"] for order in placed[:97]] == [f"batch-{cents}" for cents in range(97)]
        assert [error["field"] for error in outcomes[97]["problem"]["errors"]] == ["price"]
        assert (outcomes[98]["order"]["status"], outcomes[98]["order"]["average_price"]) == ("filled", 40.0)
        assert [error["field"] for error in outcomes[99]["problem"]["errors"]] == ["symbol"]

        again = await _batch(client, *good)
        assert [each["order"] for each in again] == placed[:97]
        assert all(each["replayed"] for each in again)
        other_price = await _batch(client, good[0] | {"price": 31.0}, good[1])
        assert [each["status"] for each in other_price] == [409, 201]
        assert other_price[0]["problem"]["code"] == "client_order_id_used"
        assert (await client.delete(f"{ORDERS}?symbol=AAPL")).json()["count"] == 97


async def test_a_malformed_batch_places_nothing(trading_stack: Stack) -> None:
    good = _order("NVDA", "buy", 1, 30.0)
    bad: dict[str, tuple[Any, str]] = {
        "an order's field": ({"orders": [good, good | {"quantity": -1}]}, "orders.1.quantity"),
        "an order": ({"orders": [good, 7]}, "orders.1"),
        "none": ({"orders": []}, "orders"),
        "too many": ({"orders": [good] * 101}, "orders"),
        "a list": ([good], "body"),
        "another field": ({"orders": [good], "all": True}, "all"),
    }
    async with trading_stack.api.client() as client:
        for name, (body, field) in bad.items():
            response = await client.post(BATCH, json=body)
            assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field), name
        assert (await client.delete(f"{ORDERS}?symbol=NVDA")).json()["count"] == 0
    async with trading_stack.api.client(READER_KEY) as reader:
        assert (await reader.post(BATCH, json={"orders": [good]})).status_code == 403


async def test_a_change_with_a_key_is_made_once(trading_stack: Stack) -> None:
    async with trading_stack.api.client() as client, trading_stack.api.client(OTHER_KEY) as other:
        order = f"{ORDERS}/{(await _place(client, 'MSFT', 'buy', 10, 30.0))['order_id']}"

        def keyed(name: str) -> dict[str, str]:
            return {"Idempotency-Key": name}

        first = await client.patch(order, json={"reduce_by": 3}, headers=keyed("r-1"))
        assert (first.status_code, first.json()["remaining_quantity"]) == (200, 7)
        again = await client.patch(order, json={"reduce_by": 3}, headers=keyed("r-1"))
        assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
        assert (await client.patch(order, json={"reduce_by": 3}, headers=keyed("r-2"))).json()[
            "remaining_quantity"
        ] == 4
        differs = await client.patch(order, json={"reduce_by": 2}, headers=keyed("r-1"))
        assert (differs.status_code, differs.json()["code"]) == (409, "idempotency_key_used")

        theirs = f"{ORDERS}/{(await _place(other, 'MSFT', 'buy', 10, 30.0))['order_id']}"
        same_name = await other.patch(theirs, json={"reduce_by": 3}, headers=keyed("r-1"))
        assert same_name.json()["remaining_quantity"] == 7, "a key is the account's own"

        cancelled = await client.delete(f"{ORDERS}?symbol=MSFT", headers=keyed("m-1"))
        assert cancelled.json()["count"] == 1
        await _place(client, "MSFT", "buy", 1, 30.0)
        once = await client.delete(f"{ORDERS}?symbol=MSFT", headers=keyed("m-1"))
        assert (once.json(), once.headers["Idempotent-Replayed"]) == (cancelled.json(), "true")
        assert (await client.delete(f"{ORDERS}?symbol=MSFT", headers=keyed("m-2"))).json()["count"] == 1
        for name in ("", "a b", "x" * 65):
            wrong = await client.delete(f"{ORDERS}?symbol=MSFT", headers=keyed(name))
            assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "Idempotency-Key"), name
