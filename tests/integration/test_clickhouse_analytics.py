"""Every question that the manager answers beyond ticks, bars and fills, against the real service and schema."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from cift_core import FastMarketData

from cift.core.clickhouse_manager import ClickHouseManager
from tests.integration.test_clickhouse_manager import NOON, NOON_NS, SECOND, ch, execution, tick

__all__ = ["ch"]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0)


def position(seq: int, seconds: float, quantity: float, realized: float = 0.0, **more: Any) -> dict[str, Any]:
    row = {"ts": NOON_NS + int(seconds * SECOND), "account_id": 7, "symbol": "AAPL", "stream_seq": seq}
    state = {"quantity": quantity, "average_price": 10.0, "realized_pnl": realized, "unrealized_pnl": quantity}
    return {**row, **state, "mark_price": 11.0, **more}


async def test_fills_of_an_account_in_all_symbols(ch: ClickHouseManager) -> None:
    await ch.insert_executions([execution(1), execution(2, symbol="MSFT"), execution(3, taker_user_id=5)])
    found = await ch.get_executions(None, NOON, NOON + HOUR, user_id=1)
    assert found["symbol"].to_list() == ["AAPL", "MSFT"]


async def test_books(ch: ClickHouseManager) -> None:
    book = {"ts": NOON_NS, "symbol": "AAPL", "seq": 1, "bid_prices": [9.5, 9.25], "bid_quantities": [1.0, 2.0]}
    empty = {"ask_prices": [], "ask_quantities": []}
    for _ in range(2):
        assert await ch.insert_order_book_snapshots([{**book, **empty}]) == 1
    await ch.insert_order_book_snapshots(
        pl.DataFrame([{**book, "seq": 2, "ask_prices": [9.75], "ask_quantities": [4.0]}])
    )
    found = await ch.get_order_book_snapshots("AAPL", NOON, NOON + HOUR)
    assert found["bid_prices"].to_list() == [[9.5, 9.25]] * 2
    assert found["ask_quantities"].to_list() == [[], [4.0]]
    assert (await ch.get_order_book_snapshots("AAPL", NOON, NOON + HOUR, limit=1))["seq"].to_list() == [1]


async def test_positions_are_marked_to_the_market(ch: ClickHouseManager) -> None:
    await ch.insert_position_history(
        [
            position(1, 0, 5.0),
            position(4, 3, 3.0, 2.0),
            position(4, 3, -3.0, account_id=8),
            position(5, 4, 0.0, symbol="MSFT", mark_price=20.0),
        ]
    )
    await ch.insert_ticks([tick(5, 12.5, seq=6), tick(4, 99.0, seq=5)])
    held = await ch.get_positions(7)
    columns = ["symbol", "quantity", "realized_pnl", "last_price", "unrealized_pnl", "notional", "stream_seq"]
    assert held.select(columns).rows() == [
        ("AAPL", 3.0, 2.0, 12.5, 7.5, 37.5, 4),
        ("MSFT", 0.0, 0.0, 20.0, 0.0, 0.0, 5),
    ]
    assert (await ch.get_positions(7, symbol="MSFT"))["symbol"].to_list() == ["MSFT"]
    assert (await ch.get_positions(99)).height == 0
    history = await ch.get_position_history(7, NOON, NOON + HOUR, symbol="AAPL")
    assert history["quantity"].to_list() == [5.0, 3.0]
    assert history.schema["ts"] == pl.Datetime("ns", "UTC")


async def test_profit_and_loss_by_day(ch: ClickHouseManager) -> None:
    day = 86_400
    rows = [
        position(1, -day, 5.0, 1.0),
        position(2, 0, 4.0, 3.0),
        position(3, 60, 2.0, 4.5),
        position(4, 90, 1.0, -1.0, symbol="MSFT"),
        position(5, day, 0.0, 10.0),
    ]
    await ch.insert_position_history(rows)
    await ch.insert_position_history(rows[:2])  # of a replay: the same rows
    found = await ch.get_user_pnl(7, MIDNIGHT, MIDNIGHT + 2 * DAY)
    columns = ["ts", "symbol", "quantity", "realized_pnl", "unrealized_pnl", "fills"]
    assert found.columns == columns
    assert found.rows() == [
        (MIDNIGHT, "AAPL", 2.0, 3.5, 2.0, 2),
        (MIDNIGHT, "MSFT", 1.0, -1.0, 1.0, 1),
        (MIDNIGHT + DAY, "AAPL", 0.0, 5.5, 0.0, 1),
    ]
    whole = await ch.get_user_pnl(7, NOON - 2 * DAY, NOON + 2 * DAY, interval=None, symbol="AAPL")
    assert whole.select("ts", "realized_pnl", "fills").rows() == [(NOON - 2 * DAY, 10.0, 4)]
    minutes = await ch.get_user_pnl(7, NOON, NOON + HOUR, interval="1m", symbol="AAPL")
    assert minutes["realized_pnl"].to_list() == [2.0, 1.5]


async def test_symbols_by_volume(ch: ClickHouseManager) -> None:
    symbols = {"A": 3.0, "B": 9.0, "C": 1.0, "D": 3.0}
    ticks = [tick(60, 10.0, quantity, seq=i, symbol=name) for i, (name, quantity) in enumerate(symbols.items())]
    await ch.insert_ticks([*ticks, tick(59, 10.0, 500.0, seq=9, symbol="C"), tick(61, 20.0, 1.0, seq=10, symbol="A")])
    top = await ch.get_top_symbols_by_volume(NOON + timedelta(seconds=1), NOON + HOUR, limit=3)
    assert top["symbol"].to_list() == ["B", "A", "D"]
    assert top.row(1) == ("A", 4.0, 50.0, 12.5, 2)


async def test_vwap_and_order_flow(ch: ClickHouseManager) -> None:
    rows = [tick(1, 10.0, 1.0, seq=1), tick(2, 20.0, 3.0, seq=2, side="sell"), tick(61, 5.0, 2.0, seq=3)]
    await ch.insert_ticks(rows)
    exact = await ch.get_vwap("AAPL", NOON + timedelta(seconds=2), NOON + HOUR)
    assert exact.rows() == [(NOON + timedelta(seconds=2), "AAPL", 5.0, 70.0, 14.0, 2)]
    assert (await ch.get_vwap("AAPL", NOON, NOON + HOUR, interval="1m"))["vwap"].to_list() == [17.5, 5.0]
    flow = await ch.get_order_flow("AAPL", NOON, NOON + HOUR)
    assert flow.select("buy_volume", "sell_volume", "imbalance", "trades").rows() == [
        (1.0, 3.0, -0.5, 2),
        (2.0, 0.0, 1.0, 1),
    ]
    assert (await ch.get_vwap("NONE", NOON, NOON + HOUR)).height == 0


async def test_the_flow_of_quotes_is_the_core_s(ch: ClickHouseManager) -> None:
    chance = random.Random(4)
    bids = np.array([float(chance.randint(98, 100)) for _ in range(50)])
    asks = bids + [float(chance.randint(1, 3)) for _ in bids]
    bid_volumes, ask_volumes = (np.array([float(chance.randint(1, 9)) for _ in bids]) for _ in range(2))
    columns = zip(bids.tolist(), bid_volumes.tolist(), asks.tolist(), ask_volumes.tolist(), strict=True)
    rows = [
        {
            "ts": NOON + timedelta(seconds=5 * seq), "symbol": "AAPL", "seq": seq, "bid_prices": [bid, 1.0],
            "bid_quantities": [bid_volume, 7.0], "ask_prices": [ask, 200.0], "ask_quantities": [ask_volume, 7.0],
        }
        for seq, (bid, bid_volume, ask, ask_volume) in enumerate(columns)
    ]  # fmt: skip
    for each in (rows, rows[:7]):  # some come twice
        await ch.insert_order_book_snapshots(each)
    steps = FastMarketData().order_flow_imbalance(bids, bid_volumes, asks, ask_volumes)
    whole = await ch.get_quote_flow("AAPL", NOON, NOON + HOUR, interval=None)
    assert whole.rows() == [(NOON, "AAPL", steps.sum(), 49)]
    minutes = await ch.get_quote_flow("AAPL", NOON, NOON + HOUR)
    assert minutes["steps"].to_list() == [11, 12, 12, 12, 2]
    assert minutes["ofi"].to_list() == [float(steps[12 * at : 12 * at + 12].sum()) for at in range(5)]


async def test_a_side_that_empties_is_flow_too(ch: ClickHouseManager) -> None:
    names = ("bid_prices", "bid_quantities", "ask_prices", "ask_quantities")
    nothing: dict[str, Any] = {name: [] for name in names}
    bid, ask = {"bid_prices": [10.0], "bid_quantities": [3.0]}, {"ask_prices": [11.0], "ask_quantities": [2.0]}
    rows = [
        nothing | book | {"ts": NOON + timedelta(minutes=seq), "symbol": "AAPL", "seq": seq}
        for seq, book in enumerate((nothing, bid, nothing, ask))
    ]
    await ch.insert_order_book_snapshots(rows)
    assert (await ch.get_quote_flow("AAPL", NOON, NOON + HOUR))["ofi"].to_list() == [3.0, -3.0, -2.0]
    assert (await ch.get_quote_flow("AAPL", NOON, NOON + timedelta(seconds=1))).height == 0


async def test_the_books_of_an_auction_are_no_flow(ch: ClickHouseManager) -> None:
    books = [(9.0, 1.0, 11.0, 1.0), (12.0, 50.0, 8.0, 70.0), (10.0, 50.0, 10.0, 5.0), (9.0, 4.0, 11.0, 1.0)]
    rows = [
        {
            "ts": NOON + timedelta(seconds=seq), "symbol": "AAPL", "seq": seq, "bid_prices": [bid],
            "bid_quantities": [bid_volume], "ask_prices": [ask], "ask_quantities": [ask_volume],
        }
        for seq, (bid, bid_volume, ask, ask_volume) in enumerate(books)
    ]  # fmt: skip
    await ch.insert_order_book_snapshots(rows)
    assert (await ch.get_quote_flow("AAPL", NOON, NOON + HOUR)).select("ofi", "steps").rows() == [(3.0, 1)]


async def test_volatility(ch: ClickHouseManager) -> None:
    prices = [100.0, 101.0, 99.5, 102.0, 102.5]
    await ch.insert_ticks([tick(60 * i, price, seq=i) for i, price in enumerate(prices)])
    await ch.insert_ticks([tick(60 * i + 1, price * 1.01, seq=10 + i) for i, price in enumerate(prices)])
    found = (await ch.get_volatility("AAPL", NOON, NOON + HOUR)).row(0, named=True)
    returns = [math.log(after / before) for before, after in itertools.pairwise(prices)]
    assert (found["bars"], found["returns"]) == (5, 4)
    assert found["volatility"] == pytest.approx(statistics.stdev(returns))
    assert found["realized"] == pytest.approx(math.sqrt(sum(r * r for r in returns)))
    assert found["parkinson"] == pytest.approx(math.log(1.01) / math.sqrt(4 * math.log(2)))
    assert found["annualized"] == pytest.approx(statistics.stdev(returns) * math.sqrt(365 * 1440))
    alone = (await ch.get_volatility("AAPL", NOON, NOON + timedelta(minutes=1))).row(0, named=True)
    assert (alone["returns"], alone["realized"]) == (0, 0.0)
    assert math.isnan(alone["volatility"])
    assert (await ch.get_volatility("NONE", NOON, NOON + HOUR)).height == 0


async def test_indicators_features_strategies_and_accounts(ch: ClickHouseManager) -> None:
    indicator = {"ts": NOON, "symbol": "AAPL", "interval": "1m", "indicator": "sma(20)", "value": 1.5}
    await ch.insert_indicators([indicator, {**indicator, "interval": "5m"}, {**indicator, "indicator": "rsi(14)"}])
    await ch.insert_indicators([{**indicator, "value": 2.5}])
    found = await ch.get_indicators("AAPL", NOON, NOON + HOUR, interval="1m", indicator="sma(20)")
    assert found["value"].to_list() == [2.5]
    assert (await ch.get_indicators("AAPL", NOON, NOON + HOUR)).height == 3
    numbers = dict.fromkeys(("ofi", "vpin", "microprice", "spread", "buy_volume", "sell_volume"), 0.5)
    await ch.insert_order_flow_features(
        [{"ts": NOON_NS, "symbol": "AAPL", "window_ms": ms, **numbers} for ms in (10, 20)]
    )
    assert (await ch.get_order_flow_features("AAPL", NOON, NOON + HOUR, window_ms=20))["window_ms"].to_list() == [20]
    strategy = {"ts": NOON, "strategy": "mm", "account_id": 7, "period": "1d", "pnl": 1.0, "turnover": 2.0}
    strategy |= {"sharpe": None, "max_drawdown": 0.1, "trades": 3, "winning_trades": 2}
    await ch.insert_strategy_performance([strategy, {**strategy, "strategy": "arb", "sharpe": 1.5}])
    assert (await ch.get_strategy_performance(None, NOON, NOON + HOUR))["sharpe"].to_list() == [1.5, None]
    assert (await ch.get_strategy_performance("mm", NOON, NOON + HOUR, user_id=8)).height == 0
    amounts = dict.fromkeys(("cash", "equity", "margin_used", "realized_pnl", "unrealized_pnl"), Decimal("1.00000001"))
    account = {"ts": NOON, "account_id": 7, "currency": "USD", **amounts, "leverage": 0.5}
    await ch.insert_account_snapshots([account, {**account, "ts": NOON + HOUR, "cash": 2}])
    found = await ch.get_account_snapshots(7, NOON, NOON + 2 * HOUR)
    assert found["cash"].to_list() == [Decimal("1.00000001"), Decimal(2)]
    assert found["ts"].to_list() == [NOON, NOON + HOUR]
    nanoseconds = pl.DataFrame([{**account, "ts": NOON_NS + 1, "account_id": 8}])
    await ch.insert_account_snapshots(nanoseconds)
    await ch.insert_account_snapshots([{**account, "ts": NOON_NS + 3_600 * SECOND + 1, "account_id": 8}])
    assert (await ch.get_account_snapshots(8, NOON, NOON + 2 * HOUR))["ts"].to_list() == [NOON, NOON + HOUR]


async def test_bad_questions_are_answered_before_they_are_asked() -> None:
    away = ClickHouseManager()
    day = datetime(2026, 1, 1, tzinfo=UTC)
    for asking, sentence in (
        (away.get_positions(-1), "user_id: found -1"),
        (away.get_user_pnl(1, day, day), "end: .*after start"),
        (away.get_user_pnl(1, day, day + DAY, interval="7m"), "interval: found '7m'"),
        (away.get_top_symbols_by_volume(day, day + DAY, limit=0), "limit: found 0"),
        (away.get_volatility("A", day, day + DAY, interval="5s"), "interval: found '5s', expected a minute"),
        (away.get_volatility("A", day, day + DAY, year_s=0), "year_s: found 0"),
        (away.get_order_flow_features("A", day, day + DAY, window_ms=0), "window_ms: found 0"),
        (away.get_indicators("A", day, day + DAY, interval="1y"), "interval: found '1y'"),
        (away.get_vwap("", day, day + DAY), "symbol: found ''"),
    ):
        with pytest.raises(ValueError, match=sentence):
            await asking


async def test_values_never_become_sql(ch: ClickHouseManager) -> None:
    await ch.insert_position_history([position(1, 0, 5.0)])
    evil = "AAPL' OR '1'='1"
    assert (await ch.get_positions(7, symbol=evil)).height == 0
    assert (await ch.get_user_pnl(7, NOON, NOON + DAY, symbol=evil)).height == 0
    assert (await ch.get_vwap(evil, NOON, NOON + DAY)).height == 0
    assert (await ch.get_strategy_performance(evil, NOON, NOON + DAY)).height == 0
