"""What holds for any data: streams agree with columns, errors change nothing, nonsense is refused and never a panic."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from cift_core import FastMarketData, indicators
from cift_core import market_data as streams
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.property import reference_market_data as reference

MARKET = FastMarketData()
quick = settings(max_examples=60, deadline=None)

PRICES = st.integers(1, 100_000).map(lambda cents: cents / 100)
VOLUMES = st.integers(0, 10_000).map(lambda tenths: tenths / 10)
SIDES = st.sampled_from([-1, 0, 1])
WINDOWS = st.none() | st.integers(1, 30)


def rows(*kinds: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.tuples(*kinds), min_size=least, max_size=80)


def columns(table: list[Any], *dtypes: str) -> list[np.ndarray]:
    return [np.array([row[at] for row in table], dtype=dtype) for at, dtype in enumerate(dtypes)]


def same(got: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(wanted), rtol=1e-9, atol=1e-9)


@given(rows(PRICES, VOLUMES), WINDOWS)
@quick
def test_vwap(table: list[Any], window: int | None) -> None:
    stream = streams.Vwap(window)
    for row, trade in enumerate(table):
        last = table[: row + 1] if window is None else table[: row + 1][-window:]
        same(stream.update(*trade), MARKET.vwap(*columns(last, "f8", "f8")))
        same(stream.value, MARKET.calculate_vwap(last) or math.nan)


@given(rows(st.integers(0, 2**62), PRICES, least=1), st.integers(0, 2**62))
@quick
def test_twap(table: list[Any], later: int) -> None:
    table.sort()
    stream = streams.Twap()
    for time, price in table:
        stream.update(time, price)
    times, prices = columns(table, "i8", "f8")
    end = int(times[-1]) + later % (2**62)
    same(stream.value, MARKET.twap(times, prices))
    same(stream.value_at(end), MARKET.twap(times, prices, end=end))
    same(stream.value_at(end), reference.twap(times.tolist(), prices.tolist(), end))


@given(rows(PRICES, VOLUMES, PRICES, VOLUMES), WINDOWS)
@quick
def test_order_flow(table: list[Any], window: int | None) -> None:
    steps = MARKET.order_flow_imbalance(*columns(table, "f8", "f8", "f8", "f8"))
    stream = streams.OrderFlowImbalance(window)
    for row, top in enumerate(table):
        assert stream.update(*top) == steps[row]
        same(stream.total, steps[: row + 1][-(window or 100) :].sum())
    same(steps, reference.order_flow(*columns(table, "f8", "f8", "f8", "f8")))


@given(st.integers(1, 4), st.integers(0, 12), WINDOWS, st.integers(0, 2**32))
@quick
def test_order_flow_of_levels(levels: int, count: int, window: int | None, seed: int) -> None:
    tops = np.random.default_rng(seed).integers(0, 4, (4, count, levels)) * 1.0
    steps = MARKET.multi_level_order_flow_imbalance(*tops)
    same(steps, reference.order_flow(*tops))
    stream = streams.MultiLevelOrderFlowImbalance(levels, window)
    for row in range(count):
        assert stream.update(*tops[:, row]).tolist() == steps[row].tolist()
        same(stream.total, steps[: row + 1][-(window or 100) :].sum(axis=0))


@given(rows(VOLUMES, SIDES), st.integers(1, 20_000), st.integers(1, 8))
@quick
def test_vpin(table: list[Any], tenths: int, buckets: int) -> None:
    volumes, sides = columns(table, "f8", "i8")
    size = tenths / 10
    got = MARKET.vpin(volumes, sides, bucket_volume=size, buckets=buckets)
    stream = streams.Vpin(size, buckets)
    same([stream.update(*trade) for trade in table], got)
    assert all(math.isnan(value) or 0 <= value <= 1 for value in got)


@given(rows(st.integers(0, 400), SIDES), st.integers(1, 500), st.integers(1, 8))
@quick
def test_vpin_is_its_definition(table: list[Any], size: int, buckets: int) -> None:
    """With whole volumes, so that no rounding decides whether a bucket is complete."""
    volumes, sides = columns(table, "f8", "i8")
    got = MARKET.vpin(volumes, sides, bucket_volume=size, buckets=buckets)
    same(got, reference.vpin(volumes, volumes * sides, size, buckets))


@given(rows(PRICES, VOLUMES), st.integers(1, 2_000), st.integers(1, 8), st.floats(0.01, 50))
@quick
def test_bulk_vpin(table: list[Any], size: int, buckets: int, sigma: float) -> None:
    prices, volumes = columns(table, "f8", "f8")
    got = MARKET.bulk_vpin(prices, volumes, bucket_volume=size, buckets=buckets, sigma=sigma)
    stream = streams.BulkVpin(size, buckets, sigma=sigma)
    same([stream.update(*bar) for bar in table], got)
    assert MARKET.bulk_vpin(prices, volumes, bucket_volume=size, buckets=buckets).shape == prices.shape


@given(rows(st.integers(-50, 50), st.integers(-1000, 1000), least=1), WINDOWS, st.booleans())
@quick
def test_kyles_lambda(table: list[Any], window: int | None, intercept: bool) -> None:
    stream = streams.KyleLambda(window, intercept=intercept)
    for row, pair in enumerate(table):
        last = table[: row + 1] if window is None else table[: row + 1][-window:]
        changes, flow = columns(last, "f8", "f8")
        got, whole = stream.update(*pair), MARKET.kyle_lambda(changes, flow, intercept=intercept)
        assert stream.impact.count == whole.count == len(last)
        spread = flow.var() if intercept else (flow**2).mean()
        # Where flow doesn't vary, rounding alone would draw the line.
        if spread > 1e-6:
            same(got, whole.slope)
            same(stream.impact.intercept, whole.intercept)


@given(rows(PRICES), WINDOWS)
@quick
def test_realized_volatility(table: list[Any], window: int | None) -> None:
    stream = streams.RealizedVolatility(window)
    (prices,) = columns(table, "f8")
    for row in range(len(prices)):
        last = prices[: row + 1] if window is None else prices[: row + 1][-window - 1 :]
        # A window's squares lose what a root then blows up: a volatility of 1e-8 is none.
        np.testing.assert_allclose(stream.update(prices[row]), MARKET.realized_volatility(last), rtol=1e-7, atol=1e-7)


@given(
    rows(st.integers(0, 1000), PRICES, st.integers(0, 50), SIDES),
    st.sampled_from(["time", "ticks", "volume", "notional", "imbalance"]),
    st.integers(1, 200),
    st.integers(0, 80),
)
@quick
def test_bars(table: list[Any], rule: str, size: int, cut: int) -> None:
    """Trade by trade, in two parts, and by definition, the same bars; what is left is in the current one."""
    table.sort(key=lambda trade: trade[0])
    build: Callable[[], Any] = (
        (lambda: streams.BarBuilder.by_imbalance(1, size))
        if rule == "imbalance"
        else (lambda: getattr(streams.BarBuilder, f"by_{rule}")(size))
    )
    names = streams.BAR_DTYPE.names or ()
    one, parts = build(), build()
    done = [bar for bar in (one.update(*trade) for trade in table) if bar is not None]
    kinds = ("i8", "f8", "f8", "i8")
    extended = [parts.extend(*columns(part, *kinds)) for part in (table[:cut], table[cut:])]
    fields = [tuple(getattr(bar, name) for name in names) for bar in done]
    assert fields == np.concatenate(extended).tolist()
    wanted, left = reference.bars(rule, size, table)
    interval = size if rule == "time" else None
    assert fields == [pytest.approx(reference.bar_row(bar, interval)) for bar in wanted]
    for builder in (one, parts):
        assert (builder.current is None) == (not left)
        if left:
            current = tuple(getattr(builder.current, name) for name in names)
            assert current == pytest.approx(reference.bar_row(left, interval))


@given(st.lists(PRICES, min_size=1, max_size=120), st.integers(1, 40))
@quick
def test_indicators_agree_to_the_last_bit(values: list[float], period: int) -> None:
    column = np.array(values)
    for function, stream in (
        (indicators.sma, indicators.Sma(period)),
        (indicators.ema, indicators.Ema(period)),
        (indicators.rsi, indicators.Rsi(period)),
        (indicators.bollinger, indicators.Bollinger(period)),
    ):
        got = [stream.update(value) for value in values]  # type: ignore[attr-defined]
        np.testing.assert_array_equal(np.array(got).T, np.array(function(column, period)))  # type: ignore[operator]
    slow = indicators.Macd(period, period + 5, 3)
    got = [slow.update(value) for value in values]
    np.testing.assert_array_equal(np.array(got).T, np.array(indicators.macd(column, period, period + 5, 3)))
    ranges = indicators.Atr(period)
    bars = [ranges.update(value + 1, value - 1, value) for value in values]
    np.testing.assert_array_equal(bars, indicators.atr(column + 1, column - 1, column, period))


@given(st.integers(0, 2**32), st.integers(0, 200))
@quick
def test_micro_price(seed: int, cut: int) -> None:
    chance = np.random.default_rng(seed)
    bids = 100 + np.cumsum(chance.choice([-0.01, 0, 0.01], 200))
    tops = (bids, chance.uniform(0, 9, 200), bids + 0.01 * chance.integers(1, 4, 200), chance.uniform(0, 9, 200))
    estimator = streams.MicroPriceEstimator(0.01, imbalance_buckets=3, max_spread=2)
    estimator.extend(*(column[:cut] for column in tops))
    for top in zip(*(column[cut:].tolist() for column in tops), strict=True):
        estimator.update(*top)
    options = {"tick_size": 0.01, "imbalance_buckets": 3, "max_spread": 2}
    try:
        whole = streams.MicroPrice.fit(*tops, **options)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:20]):
            estimator.fit()
        return
    np.testing.assert_array_equal(whole.adjustments, estimator.fit().adjustments)
    same(whole.adjustments, -whole.adjustments[:, ::-1])
    assert not np.isinf(whole.prices(*tops)).any()


STREAMS: list[tuple[Any, int]] = [
    (lambda: streams.Vwap(3), 2),
    (streams.Twap, 2),
    (lambda: streams.RealizedVolatility(3), 1),
    (lambda: streams.OrderFlowImbalance(3), 4),
    (lambda: streams.Vpin(10.0, 3), 2),
    (lambda: streams.BulkVpin(10.0, 3, sigma=1.0), 2),
    (lambda: streams.KyleLambda(3), 2),
    (lambda: streams.BarBuilder.by_time(10), 4),
    (lambda: streams.BarBuilder.by_imbalance(2, 3, adapt=0.5), 4),
    (lambda: streams.MicroPriceEstimator(0.01), 4),
    (lambda: indicators.Sma(3), 1),
    (lambda: indicators.Ema(3), 1),
    (lambda: indicators.Rsi(3), 1),
    (lambda: indicators.Macd(2, 3, 2), 1),
    (lambda: indicators.Bollinger(3), 1),
    (lambda: indicators.Atr(3), 3),
]
ANYTHING = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.none(), st.text(max_size=2), st.sampled_from([0, 1, -1, 2.0, 5])
)


def shown(stream: Any) -> str:
    """All that a stream shows of itself."""
    found = {}
    for name in ("value", "total", "impact", "current", "steps"):
        if hasattr(stream, name):
            found[name] = repr(getattr(stream, name))
    return repr(found)


@pytest.mark.parametrize("at", range(len(STREAMS)))
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_refused_update_changes_nothing(at: int, data: st.DataObject) -> None:
    build, width = STREAMS[at]
    stream, twin = build(), build()
    for _ in range(12):
        arguments = data.draw(st.lists(ANYTHING, min_size=width, max_size=width))
        before = shown(stream)
        try:
            stream.update(*arguments)
        except (ValueError, TypeError, OverflowError):
            assert shown(stream) == before
        else:
            twin.update(*arguments)
            assert shown(stream) == shown(twin)


ANY_ARRAY = st.one_of(
    arrays.arrays("f8", arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)),
    arrays.arrays("i8", arrays.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=5)),
    arrays.arrays("f4", 3),
    arrays.arrays(">f8", 3),
    arrays.arrays("bool", 3),
    st.lists(st.floats(), max_size=3),
    ANYTHING,
)
FUNCTIONS: list[tuple[Callable[..., Any], int]] = [
    (MARKET.calculate_vwap, 1),
    (MARKET.calculate_ofi, 2),
    (MARKET.calculate_microprice, 4),
    (MARKET.vwap, 2),
    (MARKET.twap, 2),
    (MARKET.size_weighted_mid, 4),
    (MARKET.queue_imbalance, 2),
    (MARKET.order_flow_imbalance, 4),
    (MARKET.multi_level_order_flow_imbalance, 4),
    (MARKET.tick_rule, 1),
    (lambda *a: MARKET.vpin(*a[:2], bucket_volume=a[2], buckets=a[3]), 4),
    (lambda *a: MARKET.bulk_vpin(*a[:2], bucket_volume=a[2], buckets=a[3], sigma=a[4]), 5),
    (MARKET.kyle_lambda, 2),
    (MARKET.realized_volatility, 1),
    (lambda *a: streams.MicroPrice.fit(*a[:4], tick_size=a[4], imbalance_buckets=a[5], max_spread=a[6]), 7),
    (lambda *a: streams.BarBuilder.by_time(a[4]).extend(*a[:4]), 5),
    (lambda *a: streams.BarBuilder.by_volume(a[4]).extend(*a[:4]), 5),
    (lambda *a: streams.MultiLevelOrderFlowImbalance(a[4], a[5]).update(*a[:4]), 6),
    (indicators.sma, 2),
    (indicators.ema, 2),
    (indicators.rsi, 2),
    (indicators.macd, 4),
    (indicators.bollinger, 3),
    (indicators.atr, 4),
]


@pytest.mark.parametrize("at", range(len(FUNCTIONS)))
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_nonsense_is_an_error_and_never_a_panic(at: int, data: st.DataObject) -> None:
    """PyO3 turns a panic into an exception that is no `Exception`: it would end this test."""
    function, width = FUNCTIONS[at]
    column = data.draw(arrays.arrays("f8", st.integers(0, 4)))
    arguments = [data.draw(ANY_ARRAY | st.just(column)) for _ in range(width)]
    with suppress(ValueError, TypeError, OverflowError):
        function(*arguments)
