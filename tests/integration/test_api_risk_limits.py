"""Every reason of the core's risk engine, caused through the API by an order; settings, usage, and who may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from cift_core import Exchange

from tests.integration.test_trading_flow_phase7 import ORDERS, _order, _place
from tests.servers.api import KEY, OTHER_KEY, READER_KEY, RISK_KEY
from tests.servers.stack import Stack

RISK = "/api/v1/risk"
SYMBOL = "NVDA"
MINUTE = 60 * 10**9


class Desk:
    """Two traders and an officer, who takes away in the end what was set."""

    def __init__(self, officer: httpx.AsyncClient, trader: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
        self.officer, self.trader, self.other = officer, trader, other
        self._undo: list[Callable[[], Awaitable[httpx.Response]]] = []

    async def limit(self, limit: str, value: float, *, user: bool = False, window_ns: int = 0) -> dict[str, Any]:
        query: dict[str, Any] = {"account_id": 1} | ({} if user else {"symbol": SYMBOL})
        path, body = f"{RISK}/limits/{limit}", {"value": value, "window_ns": window_ns}
        answer = await self.officer.put(path, params=query, json=body)
        assert answer.status_code == 200, answer.text
        self._undo.append(lambda: self.officer.delete(path, params=query))
        return dict(answer.json())

    async def put(self, path: str, off: dict[str, Any], **body: Any) -> None:
        answer = await self.officer.put(f"{RISK}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        self._undo.append(lambda: self.officer.put(f"{RISK}/{path}", json=off))

    async def trade(self, price: float, quantity: float = 1) -> None:
        await _place(self.other, SYMBOL, "sell", quantity, price)
        await _place(self.trader, SYMBOL, "buy", quantity, price)

    async def leave(self) -> None:
        for client in (self.trader, self.other):
            assert (await client.delete(f"{ORDERS}?symbol={SYMBOL}")).status_code == 200
        for undo in reversed(self._undo):
            answer = await undo()
            assert answer.status_code == 200, answer.text
        enabled = await self.officer.post(f"{RISK}/enable", params={"account_id": 1})
        assert enabled.status_code == 200


@pytest.fixture
async def desk(trading_stack: Stack) -> AsyncIterator[Desk]:
    stack = trading_stack.api
    async with stack.client(RISK_KEY) as officer, stack.client() as trader, stack.client(OTHER_KEY) as other:
        desk = Desk(officer, trader, other)
        yield desk
        await desk.leave()


async def _quantity(desk: Desk) -> dict[str, Any]:
    await desk.limit("max_quantity", 5)
    return _order(SYMBOL, "buy", 6, 50.0)


async def _notional(desk: Desk) -> dict[str, Any]:
    await desk.limit("max_notional", 500)
    return _order(SYMBOL, "buy", 11, 50.0)


async def _last(desk: Desk) -> dict[str, Any]:
    await desk.trade(50.0)
    await desk.limit("collar_last", 0.1)
    return _order(SYMBOL, "buy", 1, 55.01)


async def _reference(desk: Desk) -> dict[str, Any]:
    await desk.put(f"symbols/{SYMBOL}/reference", {"price": None}, price=100.0)
    await desk.limit("collar_reference", 0.05)
    return _order(SYMBOL, "sell", 1, 94.99)


async def _period(desk: Desk) -> dict[str, Any]:
    await desk.officer.put(f"{RISK}/limits/collar_period", params={"symbol": SYMBOL},
                           json={"value": 0.1, "window_ns": 10 * MINUTE})  # fmt: skip
    await desk.trade(50.0)
    await desk.trade(52.0)
    return _order(SYMBOL, "buy", 1, 55.01)


async def _executions(desk: Desk) -> dict[str, Any]:
    await desk.limit("max_executions", 2, window_ns=10 * MINUTE)
    await desk.trade(50.0)
    await desk.trade(50.0)
    return _order(SYMBOL, "buy", 1, 50.0)


async def _duplicate(desk: Desk) -> dict[str, Any]:
    await desk.limit("duplicate_window", MINUTE)
    await _place(desk.trader, SYMBOL, "buy", 3, 41.0)
    return _order(SYMBOL, "buy", 3, 41.0)


async def _open_orders(desk: Desk) -> dict[str, Any]:
    await desk.limit("max_open_orders", 1, user=True)
    await _place(desk.trader, SYMBOL, "buy", 3, 41.0)
    return _order(SYMBOL, "buy", 2, 41.0)


async def _open_notional(desk: Desk) -> dict[str, Any]:
    usage = (await desk.trader.get(f"{RISK}/usage")).json()
    await desk.limit("max_open_notional", usage["open_notional"] + 100, user=True)
    return _order(SYMBOL, "buy", 3, 41.0)


async def _position(desk: Desk) -> dict[str, Any]:
    held = (await desk.trader.get(f"{RISK}/usage")).json()
    position = sum(each["position"] for each in held["symbols"] if each["symbol"] == SYMBOL)
    await desk.limit("max_position", abs(position) + 5)
    await _place(desk.trader, SYMBOL, "buy", 5, 41.0)
    return _order(SYMBOL, "buy", 1 + 2 * abs(position), 41.0)


async def _leverage(desk: Desk) -> dict[str, Any]:
    await desk.put("accounts/1/cash", {"amount": 0}, amount=100)
    await desk.limit("max_leverage", 2, user=True)
    return _order(SYMBOL, "buy", 10_000, 41.0)


async def _buying_power(desk: Desk) -> dict[str, Any]:
    await desk.limit("buying_power", 1000, user=True)
    return _order(SYMBOL, "buy", 10_000, 41.0)


async def _messages(desk: Desk) -> dict[str, Any]:
    await desk.limit("max_messages", 1, user=True, window_ns=10 * MINUTE)
    await _place(desk.trader, SYMBOL, "buy", 1, 41.0)
    return _order(SYMBOL, "buy", 2, 41.0)


async def _restricted(desk: Desk) -> dict[str, Any]:
    await desk.put(f"restriction?symbol={SYMBOL}", {"on": False}, on=True)
    return _order(SYMBOL, "buy", 1, 41.0)


async def _unauthorised(desk: Desk) -> dict[str, Any]:
    await desk.put("accounts/1/authorisation", {"on": True}, on=False)
    return _order(SYMBOL, "buy", 1, 41.0)


async def _reduce_only(desk: Desk) -> dict[str, Any]:
    await desk.limit("max_quantity", 1000)
    await desk.trade(50.0, 500)
    return _order(SYMBOL, "buy", 1, 41.0, reduce_only=True)


async def _killed(desk: Desk) -> dict[str, Any]:
    await desk.put("accounts/1/state", {"state": "active"}, state="halted")
    return _order(SYMBOL, "buy", 1, 41.0)


CAUSES: dict[str, Callable[[Desk], Awaitable[dict[str, Any]]]] = {
    "max_quantity": _quantity,
    "max_notional": _notional,
    "collar_last": _last,
    "collar_reference": _reference,
    "collar_period": _period,
    "repeated_execution": _executions,
    "duplicate_order": _duplicate,
    "max_open_orders": _open_orders,
    "max_open_notional": _open_notional,
    "max_position": _position,
    "max_leverage": _leverage,
    "buying_power": _buying_power,
    "message_rate": _messages,
    "restricted_symbol": _restricted,
    "unauthorised_user": _unauthorised,
    "reduce_only": _reduce_only,
    "kill_switch": _killed,
}
ELSEWHERE = {
    "unknown_symbol": "the API knows its instruments, and answers 404 before there is an order",
    "not_owner": "of a change of an order, not of an order: see test_trading_flow_phase7.py",
    "halted": "through the API a halt of an account, a symbol or everything is the kill switch, and says so",
}
FOUND = {"restricted_symbol", "unauthorised_user", "kill_switch"}


def test_no_reason_is_left_out() -> None:
    reasons = {name for name, _ in Exchange.reasons().values()}
    assert reasons == CAUSES.keys() | ELSEWHERE.keys()
    assert not CAUSES.keys() & ELSEWHERE.keys()


@pytest.mark.parametrize("reason", CAUSES)
async def test_a_reason_comes_through_the_api(desk: Desk, reason: str) -> None:
    order = await CAUSES[reason](desk)
    answer = await desk.trader.post(ORDERS, json=order)
    assert (answer.status_code, answer.json()["code"]) == (422, reason), answer.text
    detail = answer.json()["detail"]
    assert reason in FOUND or ("expected" in detail and "found" in detail), detail
    if reason == "collar_period":
        gone = await desk.officer.delete(f"{RISK}/limits/collar_period", params={"symbol": SYMBOL})
        assert gone.json()["value"] is None


async def test_a_throttled_account_goes_on_when_an_officer_lets_it(desk: Desk) -> None:
    order = await _executions(desk)
    assert (await desk.trader.post(ORDERS, json=order)).status_code == 422
    usage = (await desk.trader.get(f"{RISK}/usage")).json()
    assert [each["throttled"] for each in usage["symbols"] if each["symbol"] == SYMBOL] == [True]
    answer = await desk.officer.post(f"{RISK}/enable", params={"account_id": 1, "symbol": SYMBOL})
    assert answer.json() == {"setting": "enable", "account_id": 1, "symbol": SYMBOL, "value": None}
    assert (await desk.trader.post(ORDERS, json=order)).status_code == 201


async def test_limits_are_read_back_and_usage_is_told_after_a_new_start(trading_stack: Stack, desk: Desk) -> None:
    said = await desk.limit("max_quantity", 7)
    assert said == {"limit": "max_quantity", "account_id": 1, "symbol": SYMBOL, "value": 7, "window_ns": 0}
    scope: dict[str, Any] = {"account_id": 1, "symbol": SYMBOL}
    for _ in range(100):  # the events' stream is behind the answer for a moment
        if listed := (await desk.officer.get(f"{RISK}/limits", params=scope)).json():
            break
        await asyncio.sleep(0.05)
    assert listed == [said]
    assert (await desk.officer.get(f"{RISK}/limits/max_quantity", params=scope)).json() == said
    await _place(desk.trader, SYMBOL, "buy", 4, 40.0)
    await desk.limit("buying_power", 100_000_000, user=True)
    await asyncio.to_thread(trading_stack.engine.kill)
    trading_stack.engine.start()
    await trading_stack.healthy()
    await _place(desk.trader, SYMBOL, "buy", 1, 39.0)  # the engine that decides is there
    usage = (await desk.officer.get(f"{RISK}/accounts/1/usage")).json()
    assert usage["counted"]
    assert usage["open_orders"] >= 2
    assert usage["buying_power_left"] == pytest.approx(100_000_000 - usage["exposure"] - usage["held"])
    (here,) = [each for each in usage["symbols"] if each["symbol"] == SYMBOL]
    assert here["open_buy"] == 5
    assert said in usage["limits"]
    refused = await desk.trader.post(ORDERS, json=_order(SYMBOL, "buy", 8, 40.0))
    assert (refused.status_code, refused.json()["code"]) == (422, "max_quantity")


BAD: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "unknown limit": ("limits/max_fun", "", {"value": 1}, 422, "limit"),
    "zero": ("limits/max_quantity", "", {"value": 0}, 422, "value"),
    "no value": ("limits/max_quantity", "", {}, 422, "value"),
    "window where none belongs": ("limits/max_quantity", "?account_id=1", {"value": 1, "window_ns": 5}, 422, ""),
    "no window": ("limits/max_messages", "?account_id=1", {"value": 1}, 422, ""),
    "a part of a message": ("limits/max_messages", "?account_id=1", {"value": 1.5, "window_ns": 5}, 422, ""),
    "one symbol of all": ("limits/buying_power", f"?symbol={SYMBOL}", {"value": 1}, 422, ""),
    "unknown account": ("limits/max_quantity", "?account_id=77", {"value": 1}, 404, ""),
    "unknown symbol": ("limits/max_quantity", "?symbol=NOPE", {"value": 1}, 404, ""),
    "off the grid": (f"symbols/{SYMBOL}/reference", "", {"price": 10.001}, 422, ""),
    "text": ("accounts/1/cash", "", {"amount": "1"}, 422, "amount"),
    "neither on nor off": ("restriction", "", {"on": 2}, 422, "on"),
}


async def test_what_is_refused_names_the_field_and_changes_nothing(trading_stack: Stack, desk: Desk) -> None:
    before = (await desk.officer.get(f"{RISK}/accounts/1/usage")).json()
    for name, (path, query, body, status, field) in BAD.items():
        response = await desk.officer.put(f"{RISK}/{path}{query}", json=body)
        assert response.status_code == status, (name, response.text)
        assert [error["field"] for error in response.json()["errors"]] == ([field] if field else []), name
    for key, status in ((KEY, 403), (READER_KEY, 403), (None, 401)):
        async with trading_stack.api.client(key) as client:
            for path, body in (("limits/max_quantity", {"value": 1}), ("accounts/1/cash", {"amount": 1}),
                               ("restriction", {"on": True})):  # fmt: skip
                assert (await client.put(f"{RISK}/{path}", json=body)).status_code == status, path
            assert (await client.post(f"{RISK}/enable")).status_code == status
            assert (await client.get(f"{RISK}/limits")).status_code == status
            assert (await client.get(f"{RISK}/accounts/2/usage")).status_code == status
    after = (await desk.officer.get(f"{RISK}/accounts/1/usage")).json()
    assert {**after, "position": 0} == {**before, "position": 0}
