"""FastRiskEngine and FastMarketData."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cift_core import FastMarketData, FastRiskEngine


@pytest.fixture
def risk() -> FastRiskEngine:
    return FastRiskEngine(max_position_size=1000, max_notional=100_000, max_leverage=2)


def test_a_good_order_passes(risk: FastRiskEngine) -> None:
    assert risk.check_order("AAPL", "buy", 100, 150.0, 0, 1_000_000) == (True, "ok")


@pytest.mark.parametrize(
    ("side", "quantity", "price", "position", "account", "reason"),
    [
        ("buy", 1000, 100.01, 0, 1e9, "max_notional"),
        ("buy", 1001, 1.0, 0, 1e9, "max_position_size"),
        ("sell", 1, 1.0, -1000, 1e9, "max_position_size"),
        ("buy", 100, 100.0, 0, 4_999, "max_leverage"),
        ("buy", 1, 1.0, 0, -5, "max_leverage"),
    ],
)
def test_each_limit_has_its_reason(
    risk: FastRiskEngine, side: str, quantity: float, price: float, position: float, account: float, reason: str
) -> None:
    assert risk.check_order("AAPL", side, quantity, price, position, account) == (False, reason)


def test_a_reducing_order_passes_when_the_position_is_too_large(risk: FastRiskEngine) -> None:
    assert risk.check_order("AAPL", "sell", 10, 100.0, 5000, 0) == (True, "ok")


@pytest.mark.parametrize("field", ["quantity", "price", "current_position", "account_value"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nonsense_raises_with_the_field(risk: FastRiskEngine, field: str, value: float) -> None:
    good = {"quantity": 1.0, "price": 1.0, "current_position": 0.0, "account_value": 1.0}
    with pytest.raises(ValueError, match=f"^{field} .* is not a finite number"):
        risk.check_order("AAPL", "buy", **(good | {field: value}))


def test_limits_must_make_sense() -> None:
    with pytest.raises(ValueError, match="max_leverage 0 must be greater than zero"):
        FastRiskEngine(1, 1, 0)


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("position", [-4000.0, -999.0, 0.0, 333.3, 1000.0])
@pytest.mark.parametrize("price", [0.01, 33.33, 170.07])
def test_the_largest_size_passes_and_more_does_not(
    risk: FastRiskEngine, side: str, position: float, price: float
) -> None:
    most = risk.max_order_size("AAPL", side, price, position, 54_321.0)
    if most > 0:
        assert risk.check_order("AAPL", side, most, price, position, 54_321.0) == (True, "ok")
    assert not risk.check_order("AAPL", side, most + 0.001, price, position, 54_321.0)[0]


def test_vwap_from_pairs_and_columns() -> None:
    market = FastMarketData()
    ticks = [(10.0, 1.0), (11.0, 3.0)]
    assert market.calculate_vwap(ticks) == 10.75
    assert market.calculate_vwap(np.array(ticks)) == 10.75
    assert market.calculate_vwap([]) == 0.0
    prices, volumes = np.random.default_rng(1).random((2, 1001))
    assert market.vwap(prices, volumes) == pytest.approx(np.average(prices, weights=volumes))
    assert math.isnan(market.vwap(prices, np.zeros(1001)))
    with pytest.raises(ValueError, match="volumes has 3 values, prices has 1001"):
        market.vwap(prices, volumes[:3])
    with pytest.raises(ValueError, match="ticks has 3 columns"):
        market.calculate_vwap(np.zeros((2, 3)))


def test_imbalance_and_weighted_mid() -> None:
    market = FastMarketData()
    assert market.calculate_ofi([30.0], [10.0]) == 0.5
    assert market.calculate_ofi([], []) == 0.0
    assert market.calculate_microprice(10.0, 11.0, 3.0, 1.0) == 10.75
    bids, asks = np.array([10.0, 10.0]), np.array([11.0, 11.0])
    bid_volumes, ask_volumes = np.array([3.0, 0.0]), np.array([1.0, 0.0])
    assert market.size_weighted_mid(bids, asks, bid_volumes, ask_volumes).tolist() == [10.75, 10.5]
    assert market.queue_imbalance(bid_volumes, ask_volumes).tolist() == [0.5, 0.0]


def test_order_flow_imbalance_is_the_published_formula() -> None:
    chance = np.random.default_rng(2)
    bids, asks = chance.integers(95, 100, 500) * 1.0, chance.integers(100, 105, 500) * 1.0
    bid_volumes, ask_volumes = chance.integers(1, 50, (2, 500)) * 1.0
    wanted = (
        bid_volumes[1:] * (bids[1:] >= bids[:-1])
        - bid_volumes[:-1] * (bids[1:] <= bids[:-1])
        - ask_volumes[1:] * (asks[1:] <= asks[:-1])
        + ask_volumes[:-1] * (asks[1:] >= asks[:-1])
    )
    got = FastMarketData().order_flow_imbalance(bids, bid_volumes, asks, ask_volumes)
    assert got[0] == 0.0
    assert got[1:].tolist() == wanted.tolist()
