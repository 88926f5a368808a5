"""FastMarketData over arrays: each measure against its definition, and each bad argument by its name."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import wickra
from cift_core import FastMarketData
from cift_core.market_data import BAR_DTYPE, BarBuilder, MicroPrice, MicroPriceEstimator, RealizedVolatility

from tests.property import reference_market_data as reference

MARKET = FastMarketData()


def close(wanted: Any) -> Any:
    return pytest.approx(wanted, rel=1e-9, abs=1e-9, nan_ok=True)


def a_day(rows: int = 4_000, seed: int = 5) -> dict[str, np.ndarray]:
    """A walk of trades and tops: prices on a grid of cents, whole volumes."""
    chance = np.random.default_rng(seed)
    prices = np.round(100 + np.cumsum(chance.choice([-0.01, 0, 0, 0.01], rows)), 2)
    bids = np.round(prices - 0.01 * chance.integers(1, 3, rows), 2)
    return {
        "times": np.cumsum(chance.integers(0, 2_000_000_000, rows)),
        "prices": prices,
        "volumes": chance.integers(1, 300, rows) * 1.0,
        "sides": chance.choice(np.array([-1, 0, 1]), rows),
        "bids": bids,
        "asks": np.round(bids + 0.01 * chance.integers(1, 4, rows), 2),
        "bid_volumes": chance.integers(0, 50, rows) * 100.0,
        "ask_volumes": chance.integers(1, 50, rows) * 100.0,
    }


DAY = a_day()
TOPS = (DAY["bids"], DAY["bid_volumes"], DAY["asks"], DAY["ask_volumes"])


def test_vwap_of_columns_and_of_pairs_in_any_layout() -> None:
    prices, volumes = DAY["prices"], DAY["volumes"]
    wanted = close(np.average(prices, weights=volumes))
    assert MARKET.vwap(prices, volumes) == wanted
    pairs = np.column_stack([prices, volumes])
    assert MARKET.calculate_vwap(pairs) == wanted
    assert MARKET.calculate_vwap(np.asfortranarray(pairs)) == wanted
    assert MARKET.calculate_vwap(pairs[::-1]) == wanted
    assert MARKET.calculate_vwap(np.array([[10, 1], [11, 3]])) == 10.75
    assert MARKET.calculate_vwap(pairs[:0]) == 0.0
    assert MARKET.calculate_vwap(tuple(tick) for tick in pairs.tolist()) == wanted


def test_what_can_not_be_written_to_can_be_read() -> None:
    prices = DAY["prices"].copy()
    prices.flags.writeable = False
    assert MARKET.vwap(prices, prices) == MARKET.vwap(prices.copy(), prices.copy())


def test_twap() -> None:
    times, prices = DAY["times"], DAY["prices"]
    for end in (None, int(times[-1]) + 10**9):
        assert MARKET.twap(times, prices, end=end) == close(reference.twap(times.tolist(), prices.tolist(), end))
    assert math.isnan(MARKET.twap(times[:1], prices[:1]))


def test_order_flow_level_by_level() -> None:
    shape = (800, 5)
    tops = tuple(column.reshape(shape) for column in TOPS)
    got = MARKET.multi_level_order_flow_imbalance(*tops)
    assert got.shape == shape
    assert got.tolist() == reference.order_flow(*tops).tolist()
    first = MARKET.order_flow_imbalance(*(np.ascontiguousarray(column[:, 0]) for column in tops))
    assert first.tolist() == got[:, 0].tolist()


def test_tick_rule() -> None:
    moves = pd.Series(np.sign(np.diff(DAY["prices"], prepend=DAY["prices"][0])))
    assert MARKET.tick_rule(DAY["prices"]).tolist() == moves.replace(0, np.nan).ffill().fillna(0).astype(int).tolist()


def test_vpin_with_known_sides_and_by_bulk() -> None:
    volumes, sides, prices = DAY["volumes"], DAY["sides"], DAY["prices"]
    got = MARKET.vpin(volumes, sides, bucket_volume=1000.0, buckets=20)
    assert got.tolist() == close(reference.vpin(volumes, sides * volumes, 1000.0, 20).tolist())
    sigma = float(np.std(np.diff(prices), ddof=1))
    bulk = MARKET.bulk_vpin(prices, volumes, bucket_volume=750.0, buckets=10)
    assert bulk.tolist() == close(reference.vpin(*reference.bulk_net(prices, volumes, sigma), 750.0, 10).tolist())
    given = MARKET.bulk_vpin(prices, volumes, bucket_volume=750.0, buckets=10, sigma=sigma)
    assert bulk.tolist() == close(given.tolist())


def test_an_independent_package_agrees() -> None:
    flow = wickra.OrderFlowImbalance(1)
    tops = zip(*(column.tolist() for column in TOPS), strict=True)
    steps = [flow.update(*([value] for value in top)) for top in tops]
    assert MARKET.order_flow_imbalance(*TOPS)[1:].tolist() == steps[1:]
    bought = DAY["sides"] > 0
    values = MARKET.vpin(DAY["volumes"], np.where(bought, 1, -1), bucket_volume=1000.0, buckets=20)
    wanted = wickra.Vpin(1000.0, 20).batch(DAY["prices"], DAY["volumes"], bought)
    np.testing.assert_array_equal(values, np.asarray(wanted))
    volatility = RealizedVolatility(20)
    rolling = [volatility.update(price) for price in DAY["prices"]]
    assert rolling[20:] == close(wickra.RealizedVolatility(20).batch(DAY["prices"]).tolist()[20:])


def test_kyles_lambda_is_the_least_squares_slope() -> None:
    chance = np.random.default_rng(3)
    flow = chance.normal(200, 1000, 500)
    changes = 0.002 * flow + chance.normal(0.05, 1, 500)
    slope, intercept = np.polyfit(flow, changes, 1)
    line = MARKET.kyle_lambda(changes, flow)
    assert (line.slope, line.intercept, line.count) == close((slope, intercept, 500))
    assert line.r_squared == close(np.corrcoef(flow, changes)[0, 1] ** 2)
    through = MARKET.kyle_lambda(changes, flow, intercept=False)
    assert through.slope == close(np.linalg.lstsq(flow[:, None], changes, rcond=None)[0][0])
    assert through.intercept == 0.0


def test_realized_volatility() -> None:
    assert MARKET.realized_volatility(DAY["prices"]) == close(np.sqrt((np.diff(np.log(DAY["prices"])) ** 2).sum()))
    assert math.isnan(MARKET.realized_volatility(DAY["prices"][:1]))


def test_time_bars_are_pandas_bars() -> None:
    times, prices, volumes, sides = (DAY[name] for name in ("times", "prices", "volumes", "sides"))
    minute = 60_000_000_000
    builder = BarBuilder.by_time(minute)
    bars = builder.extend(times, prices, volumes, sides)
    assert bars.dtype == BAR_DTYPE
    frame = pd.DataFrame({"time": times // minute * minute, "price": prices, "volume": volumes})
    wanted = frame.groupby("time").agg(
        open=("price", "first"),
        high=("price", "max"),
        low=("price", "min"),
        close=("price", "last"),
        volume=("volume", "sum"),
        trades=("price", "size"),
    )
    assert bars["time"].tolist() == wanted.index[:-1].tolist()
    for name in wanted.columns:
        assert bars[name].tolist() == wanted[name][:-1].tolist(), name
    current = builder.current
    assert current is not None
    assert (current.time, current.close, current.trades) == (
        wanted.index[-1],
        wanted["close"].iloc[-1],
        wanted["trades"].iloc[-1],
    )
    assert current.vwap == current.notional / current.volume


@pytest.mark.parametrize(
    ("rule", "size", "builder"),
    [
        ("ticks", 7, BarBuilder.by_ticks(7)),
        ("volume", 1000.0, BarBuilder.by_volume(1000.0)),
        ("notional", 50_000.0, BarBuilder.by_notional(50_000.0)),
        ("imbalance", 900.0, BarBuilder.by_imbalance(30.0, 30.0)),
    ],
)
def test_bars_by_what_was_traded(rule: str, size: float, builder: BarBuilder) -> None:
    columns = [DAY[name] for name in ("times", "prices", "volumes", "sides")]
    trades = list(zip(*(column.tolist() for column in columns), strict=True))
    done, _ = reference.bars(rule, size, trades)
    got = builder.extend(*columns)
    assert got.tolist() == [close(reference.bar_row(bar, None)) for bar in done]


def test_imbalance_bars_follow_what_they_expect() -> None:
    columns = [DAY[name] for name in ("times", "prices", "volumes", "sides")]
    got = BarBuilder.by_imbalance(10, 0.3, of="ticks", adapt=0.25).extend(*columns)["trades"].tolist()
    ticks, imbalance, counts, net, trades = 10.0, 0.3, [], 0, 0
    for side in DAY["sides"].tolist():
        net, trades = net + side, trades + 1
        if abs(net) >= ticks * imbalance:
            counts.append(trades)
            ticks += 0.25 * (trades - ticks)
            imbalance += 0.25 * (abs(net) / trades - imbalance)
            net = trades = 0
    assert got == counts
    assert len(counts) > 3


def test_micro_price_is_stoikovs() -> None:
    got = MicroPrice.fit(*TOPS, tick_size=0.01, imbalance_buckets=5, max_spread=3)
    wanted = reference.micro_adjustments(np.column_stack(TOPS), 0.01, 5, 3)
    assert got.adjustments.shape == (3, 5)
    np.testing.assert_allclose(got.adjustments, wanted, atol=1e-9)
    np.testing.assert_allclose(got.adjustments, -got.adjustments[:, ::-1], atol=1e-9)
    prices = got.prices(*TOPS)
    assert got.price(*(float(column[7]) for column in TOPS)) == prices[7]
    mids = (DAY["bids"] + DAY["asks"]) / 2
    assert np.nanmax(np.abs(prices - mids)) == close(np.nanmax(np.abs(wanted)))


def test_micro_price_is_a_martingale_on_its_own_samples() -> None:
    """From every state, the expected micro-price after a step is the one before: what its limit is made for."""
    bids, asks, chance = DAY["bids"], DAY["asks"], np.random.default_rng(2)
    bid_volumes, ask_volumes = chance.uniform(1, 9, (2, len(bids)))
    # The samples, a row that is no state, and the samples in the mirror, which the model counts as well.
    nothing = np.zeros(1)
    bids, asks = np.concatenate([bids, nothing, -asks]), np.concatenate([asks, nothing, -bids])
    bid_volumes, ask_volumes = (
        np.concatenate([bid_volumes, nothing, ask_volumes]),
        np.concatenate([ask_volumes, nothing, bid_volumes]),
    )
    model = MicroPrice.fit(bids, bid_volumes, asks, ask_volumes, tick_size=0.01, imbalance_buckets=5)
    steps = np.diff(model.prices(bids, bid_volumes, asks, ask_volumes))
    buckets = (MARKET.queue_imbalance(bid_volumes, ask_volumes) + 1) / 2 * 5 // 1
    spreads = np.round((asks - bids) / 0.01)
    known = ~np.isnan(steps)
    drifts = pd.Series(steps[known]).groupby([buckets[:-1][known], spreads[:-1][known]]).mean()
    assert len(drifts) == 15
    assert drifts.abs().max() < 1e-9


def test_micro_price_as_samples_come() -> None:
    estimator = MicroPriceEstimator(0.01, imbalance_buckets=5, max_spread=3)
    estimator.extend(*(column[:1000] for column in TOPS))
    for top in zip(*(column[1000:].tolist() for column in TOPS), strict=True):
        estimator.update(*top)
    whole = MicroPrice.fit(*TOPS, tick_size=0.01, imbalance_buckets=5, max_spread=3)
    assert estimator.fit().adjustments.tolist() == whole.adjustments.tolist()
    assert 0 < estimator.steps < len(DAY["bids"])


def test_micro_price_says_what_the_samples_lack() -> None:
    still = (np.full(9, 1.0), np.ones(9), np.full(9, 1.01), np.ones(9))
    with pytest.raises(ValueError, match="states from which the mid never moves"):
        MicroPrice.fit(*still, tick_size=0.01)
    with pytest.raises(ValueError, match="imbalance_buckets 1 is not 2 to 400"):
        MicroPrice.fit(*still, tick_size=0.01, imbalance_buckets=1)
    with pytest.raises(ValueError, match="max_spread 300 is not"):
        MicroPrice.fit(*still, tick_size=0.01, max_spread=300)


CALLS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "vwap": (MARKET.vwap, ("prices", "volumes")),
    "twap": (MARKET.twap, ("times", "prices")),
    "size_weighted_mid": (MARKET.size_weighted_mid, ("bids", "asks", "bid_volumes", "ask_volumes")),
    "queue_imbalance": (MARKET.queue_imbalance, ("bid_volumes", "ask_volumes")),
    "order_flow_imbalance": (MARKET.order_flow_imbalance, ("bids", "bid_volumes", "asks", "ask_volumes")),
    "tick_rule": (MARKET.tick_rule, ("prices",)),
    "vpin": (lambda *columns: MARKET.vpin(*columns, bucket_volume=10.0), ("volumes", "sides")),
    "bulk_vpin": (lambda *columns: MARKET.bulk_vpin(*columns, bucket_volume=10.0), ("prices", "volumes")),
    "realized_volatility": (MARKET.realized_volatility, ("prices",)),
    "micro_price": (
        lambda *columns: MicroPrice.fit(*columns, tick_size=0.01),
        ("bids", "bid_volumes", "asks", "ask_volumes"),
    ),
    "bars": (BarBuilder.by_ticks(3).extend, ("times", "prices", "volumes", "sides")),
}
ARGUMENTS = [(call, name) for call, (_, names) in CALLS.items() for name in names]


def refusal(call: str, name: str, value: Any) -> str:
    function, names = CALLS[call]
    arguments = [value if other == name else DAY[other] for other in names]
    with pytest.raises(ValueError, match=f"^{name}|[a-z_]+ has ") as refused:
        function(*arguments)
    return str(refused.value)


@pytest.mark.parametrize(("call", "name"), ARGUMENTS)
def test_a_bad_array_is_refused_by_its_name(call: str, name: str) -> None:
    good = DAY[name]
    kind = good.dtype
    assert refusal(call, name, good.astype("float32")) == f"{name} has dtype float32, expected {kind}"
    assert refusal(call, name, good.astype(kind.newbyteorder())).startswith(f"{name} has dtype ")
    assert refusal(call, name, good.reshape(-1, 2)) == f"{name} has shape (2000, 2), expected one dimension"
    wanted = f"{name} is not contiguous and aligned in memory: pass its .copy()"
    assert refusal(call, name, np.repeat(good, 2)[::2]) == wanted
    assert refusal(call, name, good[::-1]) == wanted
    shifted = np.zeros(good.nbytes + 1, np.uint8)[1:].view(kind)
    assert refusal(call, name, shifted) == wanted
    if len(CALLS[call][1]) > 1:
        assert " values, " in refusal(call, name, good[:-1])
    function, names = CALLS[call]
    with pytest.raises(TypeError, match=f"^{name} is a list, expected a numpy array of {kind}$"):
        function(*(good.tolist() if other == name else DAY[other] for other in names))


@pytest.mark.parametrize(("call", "name"), [(call, name) for call, name in ARGUMENTS if name not in ("times", "sides")])
def test_a_bad_value_is_refused_with_its_row(call: str, name: str) -> None:
    for value, shown in ((math.nan, "NaN"), (math.inf, "inf"), (-math.inf, "-inf")):
        bad = DAY[name].copy()
        bad[1234] = value
        assert refusal(call, name, bad) == f"{name}[1234] {shown} is not a finite number"
    if name.endswith("volumes"):
        bad = DAY[name].copy()
        bad[1234] = -5
        assert refusal(call, name, bad) == f"{name}[1234] -5 must not be negative"


def test_bad_times_sides_prices_and_parameters_are_refused() -> None:
    times, sides, prices = DAY["times"].copy(), DAY["sides"].copy(), DAY["prices"].copy()
    times[9], sides[9], prices[9] = times[8] - 1, 2, 0
    assert refusal("twap", "times", times).startswith(f"times[9] {times[9]} is before {times[8]}")
    assert refusal("bars", "sides", sides) == "sides[9] 2 is not one of 1 (buyer), -1 (seller), 0 (unknown)"
    assert refusal("vpin", "sides", sides).startswith("sides[9] 2 ")
    assert refusal("realized_volatility", "prices", prices) == "prices[9] 0 must be greater than zero"
    volumes, known = DAY["volumes"], DAY["sides"]
    for size, buckets, message in (
        (0.0, 5, "bucket_volume 0 must be greater than zero"),
        (math.nan, 5, "bucket_volume NaN is not a finite number"),
        (1.0, 0, "buckets 0 is not 1 to 1000000"),
        (1.0, -1, "buckets -1 must not be negative"),
    ):
        with pytest.raises(ValueError, match=message):
            MARKET.vpin(volumes, known, bucket_volume=size, buckets=buckets)
    with pytest.raises(ValueError, match="end 5 is before"):
        MARKET.twap(DAY["times"][5:], DAY["prices"][5:], end=5)
    for build, message in (
        (lambda: BarBuilder.by_time(0), "interval 0 is not at least 1"),
        (lambda: BarBuilder.by_ticks(0), "size 0 must be greater than zero"),
        (lambda: BarBuilder.by_volume(math.inf), "size inf is not a finite number"),
        (lambda: BarBuilder.by_imbalance(1, 1, adapt=1.5), "adapt 1.5 is not 0 to 1"),
        (lambda: BarBuilder.by_imbalance(1, 1, of="money"), 'of "money" is not one of ticks, volume, notional'),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=message):
            build()


def test_levels_must_agree() -> None:
    good = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"asks has shape \(4, 2\), bids has \[4, 3\]"):
        MARKET.multi_level_order_flow_imbalance(good, good, good[:, :2].copy(), good)
    with pytest.raises(ValueError, match="bid_volumes is not contiguous"):
        MARKET.multi_level_order_flow_imbalance(good, np.asfortranarray(good), good, good)
    with pytest.raises(ValueError, match="levels 0 is not at least 1"):
        MARKET.multi_level_order_flow_imbalance(*[np.zeros((4, 0))] * 4)
    assert MARKET.multi_level_order_flow_imbalance(*[np.zeros((0, 3))] * 4).shape == (0, 3)


def test_the_guides_calls_refuse_nonsense_too() -> None:
    for ticks in ([(math.nan, 1.0)], np.array([[math.nan, 1.0]])):
        with pytest.raises(ValueError, match=r"ticks\[0\] NaN is not a finite number"):
            MARKET.calculate_vwap(ticks)
    with pytest.raises(ValueError, match=r"ticks\[1\] -3 must not be negative"):
        MARKET.calculate_vwap([(10.0, 1.0), (10.0, -3.0)])
    with pytest.raises(ValueError, match="ticks has 1 dimensions, expected 2"):
        MARKET.calculate_vwap(np.zeros(4))
    with pytest.raises(ValueError, match="ask_volumes NaN is not a finite number"):
        MARKET.calculate_ofi(np.ones(3), np.array([math.nan]))
    with pytest.raises(ValueError, match="best_ask inf is not a finite number"):
        MARKET.calculate_microprice(1.0, math.inf, 1.0, 1.0)
    with pytest.raises(ValueError, match="bid_volume -1 must not be negative"):
        MARKET.calculate_microprice(1.0, 2.0, -1.0, 1.0)


def test_results_are_new_arrays_that_may_be_written_to() -> None:
    bids = DAY["bids"].copy()
    got = MARKET.order_flow_imbalance(bids, *TOPS[1:])
    assert got.flags.writeable
    assert got.flags.owndata or got.base is not bids
    got[:] = 0
    assert bids.tolist() == DAY["bids"].tolist()


def test_the_gil_is_free_while_columns_are_read() -> None:
    """While one thread is in the core, another one gets to run Python: with the GIL held it could not count."""
    prices = np.random.default_rng(1).random(20_000_000) + 1
    done = threading.Event()

    def work() -> None:
        for _ in range(3):
            MARKET.realized_volatility(prices)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    turns = 0
    while not done.is_set():
        turns += 1
    thread.join()
    # Held, the GIL changes hands a handful of times; free, this loop turns all the while.
    assert turns > 10_000
