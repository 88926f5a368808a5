"""Every order type and time in force that the journal can carry, through the API to what the engine says of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.servers.api import OTHER_KEY
from tests.servers.stack import Stack

ORDERS = "/api/v1/orders"
SYMBOL = "AAPL"


async def place(client: httpx.AsyncClient, side: str, quantity: float, **terms: Any) -> dict[str, Any]:
    order = {"symbol": SYMBOL, "side": side, "quantity": quantity, **terms}
    response = await client.post(ORDERS, json=order)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    looked_up = await client.get(response.headers["Location"])
    assert looked_up.json() == answer
    return answer


async def state(client: httpx.AsyncClient, order: dict[str, Any]) -> Any:
    """Cancel what is left of an order and return how much that was; 0 where nothing was."""
    response = await client.delete(f"{ORDERS}/{order['order_id']}")
    return response.json().get("cancelled_quantity", 0)


@pytest.fixture
async def both(trading_stack: Stack) -> Any:
    """Two accounts' clients, on a book that is empty before and after."""
    async with trading_stack.api.client() as one, trading_stack.api.client(OTHER_KEY) as other:
        yield one, other
        for client in (one, other):
            assert (await client.delete(ORDERS, params={"symbol": SYMBOL})).status_code == 200


Both = tuple[httpx.AsyncClient, httpx.AsyncClient]


async def test_a_stop_waits_for_its_trigger_and_then_trades(both: Both) -> None:
    one, other = both
    stop = await place(one, "sell", 10, order_type="stop", trigger_price=99.0)
    assert (stop["status"], stop["resting_quantity"], stop["terms"]["trigger_price"]) == ("accepted", 0, 99.0)
    limited = await place(one, "sell", 10, order_type="stop", trigger_price=99.0, price=98.5)
    await place(other, "buy", 5, price=99.0)
    await place(other, "buy", 20, price=98.0)
    await place(one, "sell", 5, price=99.0)  # the trade that both wait for
    assert await state(one, stop) == 0  # traded as a market order, at 98
    assert await state(one, limited) == 10  # a limit order now, above the best bid


async def test_a_trailing_stop_follows_the_market(both: Both) -> None:
    one, other = both
    stop = await place(one, "sell", 10, order_type="stop", trail=1.0)
    for price in (100.0, 102.0):
        await place(other, "buy", 1, price=price)
        await place(one, "sell", 1, price=price)
    await place(other, "buy", 10, price=101.5)
    assert stop["terms"]["trail"] == 1.0
    await place(other, "buy", 1, price=101.5)
    await place(one, "sell", 1, price=101.5)  # half a unit below the best trade: not yet
    assert await state(one, stop) == 10


async def test_an_iceberg_shows_a_part_and_a_hidden_order_nothing(both: Both) -> None:
    one, other = both
    iceberg = await place(one, "sell", 100, price=110.0, display_quantity=10)
    hidden = await place(one, "sell", 50, price=110.0, hidden=True)
    assert (iceberg["resting_quantity"], hidden["resting_quantity"]) == (100, 50)
    taken = await place(other, "buy", 120, price=110.0)
    assert [fill["quantity"] for fill in taken["fills"] if fill["maker_order_id"] == hidden["order_id"]] == [20]
    assert (await state(one, iceberg), await state(one, hidden)) == (0, 30)


async def test_a_pegged_order_follows_the_best_price(both: Both) -> None:
    one, other = both
    await place(one, "buy", 5, price=100.0)
    pegged = await place(one, "buy", 7, order_type="pegged", peg="primary", offset=-0.01)
    sold = await place(other, "sell", 12, price=99.99)
    assert [(fill["price"], fill["quantity"]) for fill in sold["fills"]] == [(100.0, 5), (99.99, 7)]
    assert await state(one, pegged) == 0
    assert pegged["terms"] == {**pegged["terms"], "peg": "primary", "offset": -0.01}


async def test_market_to_limit_and_notional(both: Both) -> None:
    one, other = both
    await place(one, "sell", 10, price=50.0)
    order = await place(other, "buy", 15, order_type="market_to_limit")
    assert (order["status"], order["filled_quantity"], order["resting_quantity"]) == ("partially_filled", 10, 5)
    await place(one, "sell", 5, price=50.0)
    await place(one, "sell", 10, price=40.0)
    order = await place(other, "buy", 130.0, order_type="notional")
    assert (order["status"], order["filled_quantity"], order["average_price"]) == ("filled", 3, 40.0)
    nothing = await place(one, "sell", 100.0, order_type="notional")
    assert (nothing["status"], nothing["filled_quantity"]) == ("cancelled", 0)


async def test_minimum_quantity_all_or_none_reduce_only_and_reprice(both: Both) -> None:
    one, other = both
    await place(one, "sell", 10, price=60.0)
    least = await place(other, "buy", 20, price=60.0, min_quantity=15, tif="IOC")
    assert (least["status"], least["filled_quantity"]) == ("cancelled", 0)
    whole = await place(other, "buy", 20, price=60.0, all_or_none=True)
    assert (whole["status"], whole["filled_quantity"], whole["resting_quantity"]) == ("accepted", 0, 20)
    moved = await place(other, "buy", 5, price=61.0, post_only=True, reprice=True)
    assert (moved["status"], moved["filled_quantity"], moved["resting_quantity"]) == ("accepted", 0, 5)
    reducing = await place(other, "sell", 1_000_000, price=59.0, reduce_only=True)
    assert reducing["status"] == "cancelled"
    assert reducing["reason"] == "reduce_only"


async def test_a_gtd_order_is_gone_after_its_time(both: Both) -> None:
    one, other = both
    soon = time.time_ns() + 2_000_000_000
    named = {"symbol": SYMBOL, "side": "sell", "quantity": 10, "price": 70.0, "tif": "GTD", "expires": soon}
    named |= {"client_order_id": "until-soon"}
    order = (await one.post(ORDERS, json=named)).json()
    assert (order["status"], order["terms"]["expires"]) == ("accepted", soon)
    await asyncio.sleep((soon - time.time_ns()) / 1e9 + 0.1)
    nobody = await place(other, "buy", 10, price=70.0, tif="IOC")
    assert (nobody["status"], nobody["filled_quantity"]) == ("cancelled", 0)
    again = await one.post(ORDERS, json=named)
    assert (again.status_code, again.json()) == (201, order), "a repetition hears of its order, also after that's end"
    late = await one.post(ORDERS, json=named | {"client_order_id": "late"})
    assert (late.status_code, late.json()["code"]) == (422, "expired")


def wrong() -> Iterator[tuple[dict[str, Any], set[str]]]:
    yield {"order_type": "stop"}, {"trigger_price"}
    yield {"order_type": "stop", "trigger_price": 1.0, "trail": 1.0}, {"trigger_price"}
    yield {"order_type": "stop", "trigger_price": 1.001}, {"trigger_price"}
    yield {"order_type": "pegged"}, {"peg"}
    yield {"order_type": "pegged", "peg": "mid", "offset": 0.001}, {"offset"}
    yield {"order_type": "market", "trail": 1.0}, {"trail"}
    yield {"order_type": "market", "hidden": True, "min_quantity": 5}, {"hidden", "min_quantity"}
    yield {"order_type": "market", "tif": "FOK"}, {"tif"}
    yield {"order_type": "market", "tif": "DAY"}, {"tif"}
    yield {"order_type": "stop", "trigger_price": 1.0, "tif": "DAY"}, {"tif"}
    yield {"order_type": "stop", "trigger_price": 1.0, "tif": "GTD", "expires": 2**62}, {"tif"}
    yield {"order_type": "notional", "price": 1.0}, {"price"}
    yield {"order_type": "notional", "reduce_only": True}, {"reduce_only"}
    yield {"price": 1.0, "peg": "mid"}, {"peg"}
    yield {"price": 1.0, "display_quantity": 11}, {"display_quantity"}
    yield {"price": 1.0, "display_quantity": 0.5}, {"display_quantity"}
    yield {"price": 1.0, "tif": "GTD"}, {"expires"}
    yield {"price": 1.0, "expires": 2**62}, {"expires"}
    yield {"price": 1.0, "reprice": True}, {"reprice"}
    yield {"price": 1.0, "post_only": True, "tif": "IOC"}, {"post_only"}
    yield {"order_type": "auction"}, {"order_type"}
    yield {"price": 1.0, "trigger_price": -1}, {"trigger_price"}
    yield {"price": 1.0, "tif": "GTD", "expires": 2**63}, {"expires"}


async def test_what_goes_not_together_is_refused_by_the_fields_names(trading_stack: Stack) -> None:
    async with trading_stack.api.client() as client:
        for terms, fields in wrong():
            order = {"symbol": SYMBOL, "side": "buy", "quantity": 10, **terms}
            answer = await client.post(ORDERS, json=order)
            assert answer.status_code == 422, (terms, answer.text)
            assert {error["field"] for error in answer.json()["errors"]} == fields, (terms, answer.text)


async def test_orders_that_ended_on_arrival_are_not_open(both: Both) -> None:
    one, other = both
    stop = await place(one, "sell", 10, order_type="stop", trigger_price=1.0)
    await place(other, "buy", 130.0, order_type="notional")
    for _ in range(200):
        listed = (await one.get(ORDERS, params={"state": "open", "symbol": SYMBOL})).json()["orders"]
        if [found["order_id"] for found in listed] == [stop["order_id"]]:
            break
        await asyncio.sleep(0.05)
    (found,) = listed
    assert (found["order_id"], found["status"], found["remaining_quantity"]) == (stop["order_id"], "accepted", 10)
    assert found["terms"]["trigger_price"] == 1.0
    assert (await other.get(ORDERS, params={"state": "open", "symbol": SYMBOL})).json()["orders"] == []
