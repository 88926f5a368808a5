"""Limits of an account and the kill switch through the API: who may, what is refused then, what is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.integration.test_trading_flow_phase7 import ORDERS, _eventually, _order, _place
from tests.servers.api import KEY, OTHER_KEY, READER_KEY, RISK_KEY
from tests.servers.stack import Stack

RISK = "/api/v1/risk"


@pytest.fixture
async def officer(trading_stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with trading_stack.api.client(RISK_KEY) as client:
        yield client
        for path in ("state", "accounts/1/state", "symbols/AAPL/state"):
            assert (await client.put(f"{RISK}/{path}", json={"state": "active"})).status_code == 200
        assert (await client.put(f"{RISK}/accounts/1/limits", json={})).status_code == 200


async def _put(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    response = await client.put(f"{RISK}/{path}", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def _refused(client: httpx.AsyncClient, *order: Any) -> str:
    response = await client.post(ORDERS, json=_order(*order))
    assert response.status_code == 422, response.text
    return str(response.json()["code"])


async def test_limits_of_one_account(trading_stack: Stack, officer: httpx.AsyncClient) -> None:
    async with trading_stack.api.client() as trader, trading_stack.api.client(OTHER_KEY) as other:
        before = (await trader.get(RISK)).json()
        assert (before["account_id"], before["state"], before["everybody"]) == (1, "active", "active")
        assert (before["limits"]["max_position"], before["limits"]["own"]) == (1_000_000, [])

        view = await _put(officer, "accounts/1/limits", max_position=50)
        assert (view["limits"]["max_position"], view["limits"]["own"]) == (50, ["max_position"])
        assert view["limits"]["max_notional"] == before["limits"]["max_notional"]
        assert await _refused(trader, "AAPL", "buy", 51, 10.0) == "max_position_size"
        await _place(trader, "AAPL", "buy", 50, 10.0)
        await _place(other, "AAPL", "buy", 51, 9.0)

        async def own() -> dict[str, Any]:
            answer: dict[str, Any] = (await trader.get(RISK)).json()
            return answer

        assert await _eventually(own, lambda answer: answer["limits"]["own"] == ["max_position"]) == view
        assert (await officer.get(f"{RISK}/accounts/1")).json() == view
        await _put(officer, "accounts/1/limits")
        await _place(trader, "AAPL", "buy", 51, 10.0)


@pytest.mark.parametrize("path", ["state", "accounts/1/state", "symbols/AAPL/state"])
async def test_who_is_halted_can_only_cancel(trading_stack: Stack, officer: httpx.AsyncClient, path: str) -> None:
    async with trading_stack.api.client() as trader, trading_stack.api.client(OTHER_KEY) as other:
        order = (await _place(trader, "AAPL", "buy", 5, 20.0))["order_id"]
        assert (await _put(officer, path, state="halted"))["state" if path != "state" else "scope"]
        assert await _refused(trader, "AAPL", "buy", 1, 20.0) == "kill_switch"
        changed = await trader.patch(f"{ORDERS}/{order}", json={"price": 21.0})
        assert (changed.status_code, changed.json()["code"]) == (422, "kill_switch")
        assert (await trader.delete(f"{ORDERS}/{order}")).status_code == 200
        assert (await trader.delete(f"{ORDERS}?symbol=AAPL")).status_code == 200
        if path == "accounts/1/state":
            await _place(other, "AAPL", "buy", 1, 5.0)
        else:
            assert await _refused(other, "AAPL", "buy", 1, 5.0) == "kill_switch"
        await _put(officer, path, state="active")
        await _place(trader, "AAPL", "buy", 1, 5.0)


async def test_reducing_and_what_an_engine_started_anew_remembers(
    trading_stack: Stack, officer: httpx.AsyncClient
) -> None:
    async with trading_stack.api.client() as trader, trading_stack.api.client(OTHER_KEY) as other:
        await _place(other, "GOOG", "sell", 10, 30.0)
        await _place(trader, "GOOG", "buy", 10, 30.0)
        await _put(officer, "accounts/1/state", state="reducing")
        await asyncio.to_thread(trading_stack.engine.kill)
        trading_stack.engine.start()
        await trading_stack.healthy()
        assert await _refused(trader, "GOOG", "buy", 1, 30.0) == "reduce_only"
        await _place(trader, "GOOG", "sell", 4, 31.0)
        assert await _refused(trader, "GOOG", "sell", 7, 31.0) == "reduce_only"
        assert (await trader.get(RISK)).json()["state"] == "reducing"
        assert (await trader.get(f"{RISK}/symbols/GOOG/state")).json() == {"scope": "symbol GOOG", "state": "active"}


BAD: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "unknown state": ("state", {"state": "off"}, 422, "state"),
    "no state": ("state", {}, 422, "state"),
    "unknown account": ("accounts/77/state", {"state": "halted"}, 404, ""),
    "no account": ("accounts/0/limits", {}, 422, "account_id"),
    "unknown symbol": ("symbols/NOPE/state", {"state": "halted"}, 404, ""),
    "zero": ("accounts/1/limits", {"max_position": 0}, 422, "max_position"),
    "text": ("accounts/1/limits", {"max_leverage": "2"}, 422, "max_leverage"),
    "too much": ("accounts/1/limits", {"account_value": 1e300}, 422, "account_value"),
    "misspelt": ("accounts/1/limits", {"max_postion": 1}, 422, "max_postion"),
}


async def test_what_is_refused_names_the_field_and_changes_nothing(
    trading_stack: Stack, officer: httpx.AsyncClient
) -> None:
    before = (await officer.get(f"{RISK}/accounts/1")).json()
    for name, (path, body, status, field) in BAD.items():
        response = await officer.put(f"{RISK}/{path}", json=body)
        assert response.status_code == status, (name, response.text)
        assert [error["field"] for error in response.json()["errors"]] == ([field] if field else []), name
    for key, status in ((KEY, 403), (READER_KEY, 403), (None, 401)):
        async with trading_stack.api.client(key) as client:
            for path in ("state", "accounts/1/state", "symbols/AAPL/state"):
                assert (await client.put(f"{RISK}/{path}", json={"state": "halted"})).status_code == status
            assert (await client.put(f"{RISK}/accounts/1/limits", json={})).status_code == status
            assert (await client.get(f"{RISK}/accounts/2")).status_code == status
    assert (await officer.post(ORDERS, json=_order("AAPL", "buy", 1, 1.0))).status_code == 403
    assert (await officer.get(f"{RISK}/accounts/1")).json() == before
