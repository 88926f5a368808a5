"""An instrument's day through the API: auctions from orders to fills, what the day's end takes, and who may say so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cift.core.nats_manager import NatsManager
from tests.integration.test_trading_flow_phase7 import ORDERS, _eventually, _executions, _order, _place
from tests.servers.api import KEY, OTHER_KEY, READER_KEY, RISK_KEY
from tests.servers.live import dial, hear, subscribe
from tests.servers.stack import Stack

INSTRUMENTS = "/api/v1/instruments"


@pytest.fixture
async def officer(trading_stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with trading_stack.api.client(RISK_KEY) as client:
        yield client


async def _phase(officer: httpx.AsyncClient, symbol: str, phase: str) -> None:
    answer = await officer.put(f"{INSTRUMENTS}/{symbol}/session", json={"phase": phase})
    assert (answer.status_code, answer.json()) == (200, {"symbol": symbol, "phase": phase, "indication": None})


async def _session(client: httpx.AsyncClient, symbol: str) -> dict[str, Any]:
    answer = await client.get(f"{INSTRUMENTS}/{symbol}/session")
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def _post(officer: httpx.AsyncClient, symbol: str, what: str, **body: Any) -> dict[str, Any]:
    answer = await officer.post(f"{INSTRUMENTS}/{symbol}/{what}", json=body)
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def _heard(reader: Any, kind: str) -> list[dict[str, Any]]:
    """Return the account's events up to the first of a kind."""
    told = []
    while not told or told[-1]["type"] != kind:
        told.append((await hear(reader))["event"])
    return told


async def test_an_opening_auction_from_its_orders_to_its_fills(
    trading_stack: Stack, officer: httpx.AsyncClient
) -> None:
    symbol, api = "NVDA", trading_stack.api
    async with api.client() as one, api.client(OTHER_KEY) as two, dial(api) as books, dial(api) as own:
        await subscribe(books, "book", symbol)
        assert (await hear(books))["type"] == "snapshot"
        await subscribe(own, "orders")
        await _phase(officer, symbol, "opening_auction")
        bids = [(await _place(one, symbol, "buy", quantity, price))["order_id"] for price, quantity in BIDS]
        asks = [(await _place(two, symbol, "sell", quantity, price)) for price, quantity in ASKS]
        assert [order["status"] for order in asks] == ["accepted", "accepted"]
        only = await _place(one, symbol, "buy", 7, 9.0, tif="ATO")
        refused = await two.post(ORDERS, json=_order(symbol, "sell", 1, None))
        assert (refused.status_code, refused.json()["code"]) == (422, "in_auction")

        seen = await _eventually(lambda: _session(one, symbol), lambda view: "10.1" in str(view["indication"]))
        assert seen == {
            "symbol": symbol,
            "phase": "opening_auction",
            "indication": {"price": 10.1, "volume": 40, "imbalance": 10},
        }
        while (told := await hear(books)).get("indication") != seen["indication"]:
            pass
        assert told["phase"] == "opening_auction"
        shown = (await one.get(f"/api/v1/book/{symbol}")).json()
        assert (shown["phase"], shown["indication"]) == ("opening_auction", seen["indication"])
        assert (shown["bids"][0]["price"], shown["asks"][0]["price"]) == (10.2, 9.9)

        ended = await _post(officer, symbol, "uncross", reference=10.1)
        assert ended == {
            "symbol": symbol, "status": "uncrossed", "phase": "continuous", "price": 10.1, "volume": 40,
            "imbalance": 10, "trades": 3, "cancelled": 1,
        }  # fmt: skip
        assert await _session(one, symbol) == {"symbol": symbol, "phase": "continuous", "indication": None}
        while (told := await hear(books)).get("phase") is not None:
            pass
        assert told["type"] == "delta"
        assert "indication" not in told
        events = await _heard(own, "cancelled")
        fills = [(event["order_id"], event["price"], event["quantity"]) for event in events if event["type"] == "fill"]
        assert fills == [(bids[0], 10.1, 25), (bids[0], 10.1, 5), (bids[1], 10.1, 10)]
        assert (events[-1]["order_id"], events[-1]["quantity"], events[-1]["reason"]) == (
            only["order_id"], 7, "unfilled",
        )  # fmt: skip

        rows = await _eventually(lambda: _executions(trading_stack, symbol), lambda frame: frame.height == 3)
        assert rows.sort("pos")["quantity"].to_list() == [25, 5, 10]
        assert set(rows["taker_user_id"]) == {1}, "the buyer"
        assert rows["command_seq"].n_unique() == 1

        async def held() -> Any:
            return (await one.get("/api/v1/positions")).json()

        await _eventually(held, lambda answer: "40" in str(answer))
        async with NatsManager(trading_stack.settings) as nats:
            entry = json.loads((await nats.js.get_msg("AUDIT", subject="audit.3", direct=True)).data or b"")
        assert (entry["path"], entry["status"]) == (f"{INSTRUMENTS}/{symbol}/uncross", 200)
        assert entry["commands"] == rows["command_seq"].unique().to_list()
        trade = await _place(two, symbol, "sell", 10, 10.1)
        assert (trade["status"], trade["filled_quantity"]) == ("filled", 10)


BIDS = [(10.2, 30), (10.1, 20)]
ASKS = [(9.9, 25), (10.1, 15)]


async def test_a_closing_auction_the_days_end_and_an_engine_started_between(
    trading_stack: Stack, officer: httpx.AsyncClient
) -> None:
    symbol, api = "AMZN", trading_stack.api
    async with api.client() as one, api.client(OTHER_KEY) as two, dial(api) as own:
        await subscribe(own, "orders")
        today = await _place(one, symbol, "buy", 5, 8.0, tif="DAY", client_order_id="today")
        stays = await _place(one, symbol, "buy", 6, 7.0)
        early = await one.post(ORDERS, json=_order(symbol, "buy", 1, 8.0, tif="ATC"))
        assert (early.status_code, early.json()["code"]) == (422, "no_auction")
        await _phase(officer, symbol, "closing_auction")
        close = await _place(one, symbol, "buy", 9, 10.0, tif="ATC")
        await _place(two, symbol, "sell", 4, 9.5)

        await asyncio.to_thread(trading_stack.engine.kill)
        trading_stack.engine.start()
        await trading_stack.healthy()
        assert (await _session(two, symbol))["phase"] == "closing_auction"
        crossed = await officer.put(f"{INSTRUMENTS}/{symbol}/session", json={"phase": "continuous"})
        assert (crossed.status_code, crossed.json()["code"]) == (422, "crossed")
        assert (await _session(two, symbol))["phase"] == "closing_auction"

        ended = await _post(officer, symbol, "uncross", reference=9.75, then="halted")
        assert (ended["price"], ended["volume"], ended["phase"], ended["cancelled"]) == (9.75, 4, "halted", 1)
        again = await officer.post(f"{INSTRUMENTS}/{symbol}/uncross", json={})
        assert (again.status_code, again.json()["code"]) == (422, "no_auction")
        assert await _post(officer, symbol, "end-of-day") == {"symbol": symbol, "status": "ended", "count": 1}
        assert (await _session(two, symbol))["phase"] == "halted"
        events = [event for event in await _until(own, today["order_id"]) if event["type"] == "cancelled"]
        assert [(event["order_id"], event["quantity"], event["reason"]) for event in events] == [
            (close["order_id"], 5, "unfilled"),
            (today["order_id"], 5, "expired"),
        ]
        halted = await one.post(ORDERS, json=_order(symbol, "buy", 1, 8.0))
        assert (halted.status_code, halted.json()["code"]) == (422, "halted")
        await _phase(officer, symbol, "continuous")

        async def orders() -> dict[int, tuple[str, str]]:
            listed = (await one.get(ORDERS, params={"symbol": symbol})).json()["orders"]
            return {order["order_id"]: (order["tif"], order["status"]) for order in listed}

        wanted = {
            today["order_id"]: ("DAY", "cancelled"),
            stays["order_id"]: ("GTC", "accepted"),
            close["order_id"]: ("ATC", "cancelled"),
        }
        assert await _eventually(orders, lambda found: wanted.items() <= found.items())


async def _until(reader: Any, order_id: int) -> list[dict[str, Any]]:
    """Return the account's events up to the cancel of an order."""
    told: list[dict[str, Any]] = []
    while not told or (told[-1]["type"], told[-1]["order_id"]) != ("cancelled", order_id):
        told.append((await hear(reader))["event"])
    return told


BAD: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "unknown phase": ("PUT", "AAPL/session", {"phase": "lunch"}, 422, "phase"),
    "no phase": ("PUT", "AAPL/session", {}, 422, "phase"),
    "misspelt": ("PUT", "AAPL/session", {"phase": "halted", "by": 1}, 422, "by"),
    "unknown symbol": ("PUT", "NOPE/session", {"phase": "halted"}, 404, ""),
    "no such day": ("POST", "NOPE/end-of-day", {}, 404, ""),
    "off the grid": ("POST", "AAPL/uncross", {"reference": 10.001}, 422, "reference"),
    "below zero": ("POST", "AAPL/uncross", {"reference": -1.0}, 422, "reference"),
    "text": ("POST", "AAPL/uncross", {"reference": "10"}, 422, "reference"),
    "into an auction": ("POST", "AAPL/uncross", {"then": "opening_auction"}, 422, "then"),
    "no auction": ("POST", "AAPL/uncross", {}, 422, ""),
}


async def test_what_is_refused_names_the_field_and_changes_nothing(
    trading_stack: Stack, officer: httpx.AsyncClient
) -> None:
    for name, (method, path, body, status, field) in BAD.items():
        answer = await officer.request(method, f"{INSTRUMENTS}/{path}", json=body)
        assert answer.status_code == status, (name, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == ([field] if field else []), name
    for key, status in ((KEY, 403), (READER_KEY, 403), (None, 401)):
        async with trading_stack.api.client(key) as client:
            halting = await client.put(f"{INSTRUMENTS}/AAPL/session", json={"phase": "halted"})
            ending = [await client.post(f"{INSTRUMENTS}/AAPL/{what}", json={}) for what in ("uncross", "end-of-day")]
            assert [answer.status_code for answer in (halting, *ending)] == [status] * 3
    async with trading_stack.api.client() as trader:
        assert await _session(trader, "AAPL") == {"symbol": "AAPL", "phase": "continuous", "indication": None}
