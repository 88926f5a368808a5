"""The whole flow with every part real: an order through the API to its fill, its event, its row and the cached book."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import polars as pl
import pytest

from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.messages import Accepted, Fill
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_event
from tests.servers.api import OTHER_KEY
from tests.servers.stack import Stack

ORDERS = "/api/v1/orders"
T = TypeVar("T")


def _order(symbol: str, side: str, quantity: float, price: float | None, **more: Any) -> dict[str, Any]:
    kind = "limit" if price is not None else "market"
    return {"symbol": symbol, "side": side, "order_type": kind, "quantity": quantity, "price": price, **more}


async def _place(client: httpx.AsyncClient, *arguments: Any, **more: Any) -> dict[str, Any]:
    response = await client.post(ORDERS, json=_order(*arguments, **more))
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def _eventually(get: Callable[[], Awaitable[T]], right: Callable[[T], bool]) -> T:
    for _ in range(200):
        value = await get()
        if right(value):
            return value
        await asyncio.sleep(0.05)
    raise AssertionError(value)


async def _executions(stack: Stack, symbol: str) -> pl.DataFrame:
    async with ClickHouseManager(stack.settings) as clickhouse:
        now = datetime.now(UTC)
        return await clickhouse.get_executions(symbol, now - timedelta(hours=1), now + timedelta(hours=1))


async def test_an_order_reaches_its_fill_its_event_its_row_and_the_cached_book(trading_stack: Stack) -> None:
    symbol = "AAPL"
    async with trading_stack.api.client() as maker, trading_stack.api.client(OTHER_KEY) as taker:
        resting = await _place(maker, symbol, "sell", 100, 187.25)
        assert (resting["status"], resting["resting_quantity"]) == ("accepted", 100)
        order = await _place(taker, symbol, "buy", 60, 187.30)

        assert order["order_id"] > resting["order_id"]
        assert (order["status"], order["filled_quantity"], order["average_price"]) == ("filled", 60, 187.25)
        assert order["fills"] == [{"price": 187.25, "quantity": 60, "maker_order_id": resting["order_id"]}]
        assert (await taker.get(f"{ORDERS}/{order['order_id']}")).json() == order

        async with NatsManager(trading_stack.settings) as nats:
            state = (await nats.js.stream_info("EVENTS")).state
            stored = [await nats.js.get_msg("EVENTS", seq, direct=True) for seq in range(1, state.last_seq + 1)]
        every = {message.seq: decode_event(message.data or b"") for message in stored}
        positions, events = zip(*((seq, event) for seq, event in every.items() if event.symbol == symbol), strict=True)
        assert [type(event) for event in events] == [Accepted, Accepted, Fill]
        assert [event.last for event in events] == [True, False, True]

        rows = await _eventually(lambda: _executions(trading_stack, symbol), lambda frame: frame.height > 0)
        (row,) = rows.to_dicts()
        assert row["command_seq"] == row["taker_order_id"] == order["order_id"]
        assert (row["stream_seq"], row["pos"], row["symbol"], row["side"]) == (positions[2], 1, symbol, "buy")
        assert (row["price"], row["quantity"], row["maker_order_id"]) == (187.25, 60, resting["order_id"])
        assert (row["taker_user_id"], row["maker_user_id"]) == (2, 1)

        async def book() -> dict[str, Any]:
            answer: dict[str, Any] = (await taker.get(f"/api/v1/book/{symbol}?depth=1")).json()
            return answer

        shown = await _eventually(book, lambda answer: answer["seq"] >= order["order_id"])
        assert (shown["bids"], shown["asks"]) == ([], [{"price": 187.25, "quantity": 40}])


async def test_orders_are_reduced_and_cancelled_by_their_owner(trading_stack: Stack) -> None:
    symbol = "MSFT"
    async with trading_stack.api.client() as owner, trading_stack.api.client(OTHER_KEY) as stranger:
        order = f"{ORDERS}/{(await _place(owner, symbol, 'buy', 100, 10.0))['order_id']}"
        reduced = await owner.patch(order, json={"reduce_by": 30})
        assert (reduced.status_code, reduced.json()["remaining_quantity"]) == (200, 70)
        assert (await stranger.delete(order)).status_code == 403
        cancelled = await owner.delete(order)
        assert (cancelled.status_code, cancelled.json()["cancelled_quantity"]) == (200, 70)
        for change in (owner.delete(order), owner.patch(order, json={"reduce_by": 1})):
            again = await change
            assert (again.status_code, again.json()["code"]) == (409, "order_done")


async def _change(client: httpx.AsyncClient, order_id: int, **to: float) -> dict[str, Any]:
    response = await client.patch(f"{ORDERS}/{order_id}", json=to)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_modified_order_keeps_its_place_or_loses_it_or_trades(trading_stack: Stack) -> None:
    symbol = "META"
    async with trading_stack.api.client() as first, trading_stack.api.client(OTHER_KEY) as second:
        mine = (await _place(first, symbol, "buy", 10, 10.0))["order_id"]
        theirs = (await _place(second, symbol, "buy", 10, 10.0))["order_id"]

        async def next_maker() -> int:
            maker: int = (await _place(second, symbol, "sell", 1, 10.0))["fills"][0]["maker_order_id"]
            return maker

        less = await _change(first, mine, quantity=8)
        assert (less["status"], less["price"], less["remaining_quantity"], less["fills"]) == ("modified", 10.0, 8, [])
        assert await next_maker() == mine
        assert (await _change(first, mine, quantity=9))["remaining_quantity"] == 9
        assert await next_maker() == theirs
        await _change(first, mine, price=9.5)
        await _place(second, symbol, "sell", 4, 11.0)
        crossing = await _change(first, mine, price=11.0, quantity=6)
        assert (crossing["filled_quantity"], crossing["average_price"]) == (4, 11.0)
        assert (crossing["price"], crossing["remaining_quantity"]) == (11.0, 2)

        foreign = await second.patch(f"{ORDERS}/{mine}", json={"price": 1.0})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "not_owner")
        refused = await first.patch(f"{ORDERS}/{mine}", json={"quantity": 9_000_000})
        assert (refused.status_code, refused.json()["code"]) == (422, "max_position_size")
        assert (await _change(first, mine, quantity=1))["remaining_quantity"] == 1
        assert await next_maker() == mine
        gone = await first.patch(f"{ORDERS}/{mine}", json={"quantity": 1})
        assert (gone.status_code, gone.json()["code"]) == (409, "order_done")

    async def taken() -> list[int]:
        rows = await _executions(trading_stack, symbol)
        return rows["taker_order_id"].to_list() if rows.height else []

    orders = await _eventually(taken, lambda takers: len(takers) == 4)
    assert orders[2] == mine, "the modified order's fill has its row as any other"


async def test_a_mass_cancel_takes_the_accounts_own_orders_of_a_side(trading_stack: Stack) -> None:
    symbol = "GOOG"
    async with trading_stack.api.client() as owner, trading_stack.api.client(OTHER_KEY) as other:
        bids = [(await _place(owner, symbol, "buy", 5, price))["order_id"] for price in (9.0, 9.5, 9.2)]
        asks = [
            (await _place(owner, symbol, "sell", 5, price, client_order_id=f"{price}"))["order_id"]
            for price in (11.0, 12.0)
        ]
        await _place(other, symbol, "buy", 7, 9.9)
        path = f"{ORDERS}?symbol={symbol}"
        answer = await owner.delete(f"{path}&side=buy")
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "symbol": symbol,
                "status": "cancelled",
                "count": 3,
                "orders": [{"order_id": order, "quantity": 5.0} for order in (bids[1], bids[2], bids[0])],
            },
        )
        again = (await owner.delete(f"{path}&side=buy")).json()
        assert (again["count"], again["orders"]) == (0, [])
        ranged = (await owner.delete(f"{path}&min_price=11.5&max_price=12.0")).json()
        assert [order["order_id"] for order in ranged["orders"]] == [asks[1]]
        book = await _eventually(
            lambda: other.get(f"/api/v1/book/{symbol}"), lambda answer: len(answer.json()["asks"]) == 1
        )
        assert book.json()["bids"] == [{"price": 9.9, "quantity": 7}]
        assert (await owner.delete(path)).json()["count"] == 1
        assert (await owner.delete(f"{ORDERS}/{asks[0]}")).json()["code"] == "order_done"


async def test_how_orders_end_on_arrival(trading_stack: Stack) -> None:
    symbol = "NVDA"
    async with trading_stack.api.client() as maker, trading_stack.api.client(OTHER_KEY) as taker:
        assert (await _place(taker, symbol, "buy", 10, None))["status"] == "cancelled"
        await _place(maker, symbol, "sell", 5, 11.0)
        await _place(maker, symbol, "sell", 5, 12.0)
        assert (await _place(taker, symbol, "buy", 20, 12.0, tif="FOK"))["status"] == "cancelled"
        partly = await _place(taker, symbol, "buy", 20, 11.5)
        assert (partly["status"], partly["filled_quantity"], partly["resting_quantity"]) == ("partially_filled", 5, 15)
        ended = await _place(taker, symbol, "buy", 20, 12.0, tif="IOC")
        assert (ended["status"], ended["filled_quantity"], ended["reason"]) == ("cancelled", 5, "ioc")
        crossing = await maker.post(ORDERS, json=_order(symbol, "sell", 5, 11.5, post_only=True))
        assert (crossing.status_code, crossing.json()["code"]) == (422, "post_only_would_take")


async def test_risk_refuses_with_a_stable_code_and_a_retry_hears_the_same(trading_stack: Stack) -> None:
    symbol = "TSLA"
    async with trading_stack.api.client() as client:
        order = _order(symbol, "buy", 900_000, 180.0, client_order_id="too-much")
        first = await client.post(ORDERS, json=order)
        assert first.status_code == 422
        assert first.json()["code"] == "max_notional"
        again = await client.post(ORDERS, json=order)
        same = [{**answer.json(), "correlation_id": ""} for answer in (first, again)]
        assert (again.status_code, same[1]) == (422, same[0])


async def test_a_repeated_request_places_one_order(trading_stack: Stack) -> None:
    symbol = "AMZN"
    async with trading_stack.api.client() as client:
        order = _order(symbol, "buy", 5, 9.0, client_order_id="once")
        answers = await asyncio.gather(*(client.post(ORDERS, json=order) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["order_id"] for answer in answers}) == 1
        path = f"/api/v1/book/{symbol}"
        book = await _eventually(lambda: client.get(path), lambda answer: bool(answer.json()["bids"]))
        assert book.json()["bids"] == [{"price": 9.0, "quantity": 5}]


async def test_an_order_that_the_engine_missed_is_decided_when_it_is_back(trading_stack: Stack) -> None:
    symbol = "BTC-USD"
    async with trading_stack.api.client() as client:
        await _place(client, symbol, "sell", 10, 20.0)
        trading_stack.engine.kill()
        pending = await client.post(ORDERS, json=_order(symbol, "buy", 4, 20.0))
        assert (pending.status_code, pending.json()["status"]) == (202, "pending")
        trading_stack.engine.start()
        await trading_stack.healthy()
        order = (await client.get(pending.headers["Location"])).json()
        assert (order["status"], order["filled_quantity"]) == ("filled", 4)
        assert (await _place(client, symbol, "buy", 6, 20.0))["status"] == "filled"
    rows = await _eventually(lambda: _executions(trading_stack, symbol), lambda frame: frame.height >= 2)
    assert rows["quantity"].to_list() == [4, 6]


@pytest.mark.parametrize("name", ["engine", "recorder", "nats", "cache"])
async def test_whatever_is_killed_and_comes_back_health_is_green_and_orders_trade(
    trading_stack: Stack, name: str
) -> None:
    part = getattr(trading_stack, name)
    part.kill()
    async with trading_stack.api.client() as client:
        await _eventually(lambda: client.get("/health"), lambda answer: answer.status_code == 503)
        part.start()
        await trading_stack.healthy()
        for side, status in (("sell", "accepted"), ("buy", "filled")):
            order = _order("ETH-USD", side, 1, 30.0)
            # Each worker finds its own way back to NATS: until then it says that it placed nothing.
            placed = await _eventually(
                lambda order=order: client.post(ORDERS, json=order), lambda answer: answer.status_code != 503
            )
            assert (placed.status_code, placed.json()["status"]) == (201, status), placed.text
