"""Technical indicators against plain loops, pandas, and an independent package."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import wickra
from cift_core import indicators

from tests.property import reference_market_data as reference

CLOSES = np.round(100 + np.cumsum(np.random.default_rng(8).normal(0, 0.5, 600)), 2)
HIGHS, LOWS = CLOSES + np.abs(np.sin(np.arange(600.0))), CLOSES - np.abs(np.cos(np.arange(600.0)))


def same(got: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(wanted), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("period", [1, 2, 14, 600, 601])
def test_moving_averages(period: int) -> None:
    same(indicators.sma(CLOSES, period), pd.Series(CLOSES).rolling(period).mean())
    same(indicators.ema(CLOSES, period), reference.ema(CLOSES.tolist(), period))


@pytest.mark.parametrize("period", [1, 2, 14, 599, 600])
def test_rsi_and_atr(period: int) -> None:
    same(indicators.rsi(CLOSES, period), reference.rsi(CLOSES.tolist(), period))
    same(
        indicators.atr(HIGHS, LOWS, CLOSES, period), reference.atr(*(c.tolist() for c in (HIGHS, LOWS, CLOSES)), period)
    )


def test_rsi_where_nothing_falls_or_nothing_moves() -> None:
    assert indicators.rsi(np.arange(30.0))[-1] == 100.0
    assert indicators.rsi(-np.arange(30.0))[-1] == 0.0
    assert indicators.rsi(np.ones(30))[-1] == 50.0


def test_macd() -> None:
    line, signal, histogram = indicators.macd(CLOSES, 5, 12, 4)
    wanted = np.subtract(reference.ema(CLOSES.tolist(), 5), reference.ema(CLOSES.tolist(), 12))
    same(line, wanted)
    same(signal, [math.nan] * 11 + reference.ema(wanted[11:].tolist(), 4))
    same(histogram, line - signal)


@pytest.mark.parametrize("period", [1, 2, 20])
def test_bollinger(period: int) -> None:
    upper, middle, lower = indicators.bollinger(CLOSES, period, 2.5)
    rolling = pd.Series(CLOSES).rolling(period)
    same(middle, rolling.mean())
    same(upper, rolling.mean() + 2.5 * rolling.std(ddof=0))
    same(lower, rolling.mean() - 2.5 * rolling.std(ddof=0))


def test_small_moves_on_a_high_level_keep_their_bands() -> None:
    values = 1e9 + np.arange(400) % 4
    upper, _, lower = indicators.bollinger(values, 20, 1.0)
    # Numbers of this size are 1e-7 apart.
    np.testing.assert_allclose((upper - lower)[19:] / 2, np.std([0, 1, 2, 3]), atol=1e-7)


def test_an_independent_package_agrees() -> None:
    same(indicators.sma(CLOSES, 9), wickra.SMA(9).batch(CLOSES))
    same(indicators.ema(CLOSES, 9), wickra.EMA(9).batch(CLOSES))
    same(indicators.rsi(CLOSES, 14), wickra.RSI(14).batch(CLOSES))
    same(indicators.atr(HIGHS, LOWS, CLOSES, 14), wickra.ATR(14).batch(HIGHS, LOWS, CLOSES))
    # That package holds the first line back until all three are there.
    same(np.column_stack(indicators.macd(CLOSES))[33:], wickra.MACD(12, 26, 9).batch(CLOSES).tolist()[33:])
    bands = np.array(wickra.BollingerBands(20, 2.0).batch(CLOSES).tolist())[:, :3]
    same(np.column_stack(indicators.bollinger(CLOSES)), bands)


@pytest.mark.parametrize("name", ["sma", "ema", "rsi"])
def test_bad_arguments_are_refused_by_name(name: str) -> None:
    function = getattr(indicators, name)
    for period, message in ((0, "period 0 is not at least 1"), (-3, "period -3 must not be negative")):
        with pytest.raises(ValueError, match=message):
            function(CLOSES, period)
    with pytest.raises(ValueError, match=r"values\[2\] NaN is not a finite number"):
        function(np.array([1.0, 2.0, math.nan]))
    with pytest.raises(ValueError, match="values has dtype int64, expected float64"):
        function(np.arange(5))
    with pytest.raises(ValueError, match="values is not contiguous"):
        function(CLOSES[::2])


def test_other_bad_arguments() -> None:
    with pytest.raises(ValueError, match="slow 12 is not longer than the fast period"):
        indicators.macd(CLOSES, 12, 12)
    with pytest.raises(ValueError, match="width 0 must be greater than zero"):
        indicators.bollinger(CLOSES, 20, 0.0)
    with pytest.raises(ValueError, match="lows has 599 values, highs has 600"):
        indicators.atr(HIGHS, LOWS[1:], CLOSES)
    with pytest.raises(ValueError, match=r"highs\[0\] 1 is below the low 2"):
        indicators.atr(np.array([1.0]), np.array([2.0]), np.array([1.5]))
    with pytest.raises(ValueError, match="high 1 is below the low 2"):
        indicators.Atr().update(1.0, 2.0, 1.5)
