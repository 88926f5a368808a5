"""Positions, PnL and analytics through the API, out of rows in a real ClickHouse engine."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cift.core.clickhouse_manager import ClickHouseManager
from tests.integration.test_trading_flow_phase7 import _eventually, _place
from tests.servers.api import OTHER_KEY, ApiServer
from tests.servers.stack import Stack

V1 = "/api/v1"
SECOND = 10**9
DAY = 86_400 * SECOND
ROUTES = (
    "positions", "pnl", "analytics/vwap?symbol=AAPL", "analytics/volatility?symbol=AAPL", "analytics/ofi?symbol=AAPL",
    "analytics/quote-ofi?symbol=AAPL",
    "analytics/pnl-by-day", "analytics/top-symbols", "analytics/strategy-performance",
)  # fmt: skip


@pytest.fixture
def now() -> int:
    return time.time_ns() // (60 * SECOND) * 60 * SECOND


async def _get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    response = await client.get(f"{V1}/{path}", params=query or None)
    assert response.status_code == 200, response.text
    return response.json()


async def test_without_clickhouse_they_are_503_and_bad_queries_are_422(api_server: ApiServer) -> None:
    async with api_server.client() as client:
        for path in ROUTES:
            response = await client.get(f"{V1}/{path}")
            assert (response.status_code, response.json()["code"]) == (503, "unavailable"), path
        for query, field in {
            "vwap": "symbol",
            "vwap?symbol=AAPL&start=2&end=2": "end",
            "volatility?symbol=AAPL&interval=1s": "interval",
            "pnl-by-day?start=0": "start",
            "top-symbols?limit=0": "limit",
        }.items():
            response = await client.get(f"{V1}/analytics/{query}")
            assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field), query
        assert (await client.get(f"{V1}/analytics/vwap?symbol=NOPE")).status_code == 404
    async with api_server.client(None) as nobody:
        assert (await nobody.get(f"{V1}/positions")).status_code == 401


def _held(ts: int, seq: int, **values: float) -> dict[str, Any]:
    plain = {"average_price": 0.0, "realized_pnl": 0.0, "unrealized_pnl": 0.0, "mark_price": 0.0}
    return {"ts": ts, "account_id": 1, "symbol": "ETH-USD", "stream_seq": seq} | plain | values


async def test_positions_and_pnl_are_marked_at_the_last_trade(trading_stack: Stack, now: int) -> None:
    async with ClickHouseManager(trading_stack.settings) as clickhouse:
        await clickhouse.insert_position_history(
            [
                _held(now - 2 * DAY, 1, quantity=2.0, average_price=100.0, mark_price=100.0),
                _held(now - DAY, 2, quantity=0.5, average_price=100.0, realized_pnl=30.0, unrealized_pnl=10.0),
            ]
        )
        trade = {"symbol": "ETH-USD", "price": 110.0, "quantity": 1.0, "side": "buy", "pos": 1, "stream_seq": 0}
        await clickhouse.insert_ticks([{"ts": now - SECOND, "seq": 1} | trade])
    async with trading_stack.api.client() as owner, trading_stack.api.client(OTHER_KEY) as other:
        (position,) = [each for each in await _get(owner, "positions") if each["symbol"] == "ETH-USD"]
        assert (position["quantity"], position["average_price"], position["mark_price"]) == (0.5, 100.0, 110.0)
        assert (position["notional"], position["realized_pnl"], position["unrealized_pnl"]) == (55.0, 30.0, 5.0)
        assert position["ts"] == now - DAY
        pnl = await _get(owner, "pnl")
        assert pnl["total_pnl"] == pytest.approx(pnl["realized_pnl"] + pnl["unrealized_pnl"])
        assert [each["realized_pnl"] for each in pnl["symbols"] if each["symbol"] == "ETH-USD"] == [30.0]
        assert "ETH-USD" not in str(await _get(other, "pnl"))
        days = await _get(owner, "analytics/pnl-by-day", start=now - 5 * DAY)
        found = [(day["ts"], day["realized_pnl"]) for day in days if day["symbol"] == "ETH-USD"]
        assert found == [((now - 2 * DAY) // DAY * DAY, 0.0), ((now - DAY) // DAY * DAY, 30.0)]


async def test_what_traded_is_averaged_ranked_and_its_flow_told(trading_stack: Stack, now: int) -> None:
    async with trading_stack.api.client() as maker, trading_stack.api.client(OTHER_KEY) as taker:
        for price, quantity in ((30.0, 1), (31.0, 3)):
            await _place(maker, "META", "sell", quantity, price)
        await _place(taker, "META", "buy", 4, 31.0)
        await _place(maker, "META", "buy", 1, 29.0)
        await _place(taker, "META", "sell", 1, 29.0)

        async def vwap() -> Any:
            return await _get(maker, "analytics/vwap", symbol="META")

        average = await _eventually(vwap, lambda answer: answer["trades"] == 3)
        assert (average["vwap"], average["volume"], average["notional"]) == (152 / 5, 5, 152)
        flow = await _get(maker, "analytics/ofi", symbol="META")
        assert (flow["buy_volume"], flow["sell_volume"], flow["imbalance"]) == (4, 1, 0.6)
        async with ClickHouseManager(trading_stack.settings) as clickhouse:
            books = [
                {"ts": now + seq, "symbol": "META", "seq": seq, "bid_prices": [bid], "bid_quantities": [2.0],
                 "ask_prices": [31.0], "ask_quantities": [5.0 - seq]}
                for seq, bid in enumerate((29.0, 30.0))
            ]  # fmt: skip
            await clickhouse.insert_order_book_snapshots(books)
        quotes = await _get(maker, "analytics/quote-ofi", symbol="META", start=now, end=now + 2)
        assert (quotes["ofi"], quotes["steps"]) == (3.0, 1)  # 2 came to the bid, 1 left the ask
        ahead = now + 120 * SECOND
        top = await _get(maker, "analytics/top-symbols", start=now - 600 * SECOND, end=ahead)
        assert ("META", 5, 3) in [(each["symbol"], each["volume"], each["trades"]) for each in top]
        quiet = await _get(maker, "analytics/vwap", symbol="GOOG")
        assert (quiet["vwap"], quiet["trades"]) == (None, 0)


async def test_volatility_of_bars_and_strategies_of_the_account_alone(trading_stack: Stack, now: int) -> None:
    prices = (100.0, 110.0, 99.0)
    strategy = {
        "strategy": "s", "period": "1d", "pnl": 1.5, "turnover": 9.0, "sharpe": None, "max_drawdown": 0.1,
        "trades": 3, "winning_trades": 2,
    }  # fmt: skip
    async with ClickHouseManager(trading_stack.settings) as clickhouse:
        trade = {"symbol": "BTC-USD", "quantity": 1.0, "side": "buy", "pos": 1, "stream_seq": 0}
        ticks = [
            trade | {"ts": now - (4 - index) * 60 * SECOND, "seq": index, "price": price}
            for index, price in enumerate(prices)
        ]
        await clickhouse.insert_ticks(ticks)
        await clickhouse.insert_strategy_performance(
            [strategy | {"ts": datetime.now(UTC) - timedelta(seconds=1), "account_id": account} for account in (1, 2)]
        )
    async with trading_stack.api.client() as client:
        found = await _get(client, "analytics/volatility", symbol="BTC-USD", interval="1m")
        assert (found["bars"], found["returns"]) == (3, 2)
        assert found["realized"] == pytest.approx(0.14212, abs=1e-4)
        assert found["annualized"] == pytest.approx(found["volatility"] * (365 * 1440) ** 0.5)
        few = await _get(client, "analytics/volatility", symbol="BTC-USD", end=now - 230 * SECOND)
        assert (few["bars"], few["volatility"], few["annualized"]) == (1, None, None)
        (own,) = await _get(client, "analytics/strategy-performance")
        assert (own["strategy"], own["pnl"], own["sharpe"], own["winning_trades"]) == ("s", 1.5, None, 2)
