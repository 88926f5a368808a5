"""Every market data measure again: slow, short and obviously right, from numpy, pandas and plain loops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NAN = math.nan


def twap(times: Sequence[int], prices: Sequence[float], end: int | None) -> float:
    until = [*times[1:], times[-1] if end is None else end]
    spans = [later - time for time, later in zip(times, until, strict=True)]
    return sum(p * s for p, s in zip(prices, spans, strict=True)) / sum(spans) if sum(spans) else NAN


def order_flow(bids: Floats, bid_volumes: Floats, asks: Floats, ask_volumes: Floats) -> Floats:
    """The formula of arXiv 1011.6402, letter by letter, along the first axis."""
    steps = (
        bid_volumes[1:] * (bids[1:] >= bids[:-1])
        - bid_volumes[:-1] * (bids[1:] <= bids[:-1])
        - ask_volumes[1:] * (asks[1:] <= asks[:-1])
        + ask_volumes[:-1] * (asks[1:] >= asks[:-1])
    )
    return np.concatenate([np.zeros_like(bids[:1]), steps])


def vpin(volumes: Floats, net: Floats, size: float, buckets: int) -> Floats:
    """Cut the curve of net volume over volume at the buckets' edges."""
    filled, bought_less_sold = np.cumsum(volumes), np.cumsum(net)
    result = np.full(len(volumes), NAN)
    for row in range(len(volumes)):
        complete = int(filled[row] // size)
        if complete >= buckets:
            edges = size * np.arange(complete - buckets, complete + 1)
            cuts = np.interp(edges, np.concatenate([[0], filled]), np.concatenate([[0], bought_less_sold]))
            result[row] = np.abs(np.diff(cuts)).sum() / (buckets * size)
    return result


def bulk_net(prices: Floats, volumes: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Volumes and bought less sold of each bar; the first one has no change, and no volume that counts."""
    changes = np.diff(prices, prepend=prices[:1])
    shares = np.array([0.5 * (1 + math.erf(change / sigma / math.sqrt(2))) for change in changes])
    volumes = volumes.copy()
    volumes[:1] = 0
    return volumes, volumes * (2 * shares - 1)


def bars(rule: str, size: float, trades: Sequence[tuple[int, float, float, int]]) -> tuple[list[Any], list[Any]]:
    """Complete bars and the trades left over; a bar is the list of its trades."""
    done: list[Any] = []
    bar: list[Any] = []
    for trade in trades:
        if rule == "time" and bar and bar[0][0] // size != trade[0] // size:
            done.append(bar)
            bar = []
        bar.append(trade)
        total = {
            "time": -math.inf,
            "ticks": len(bar),
            "volume": sum(volume for _, _, volume, _ in bar),
            "notional": sum(abs(price) * volume for _, price, volume, _ in bar),
            "imbalance": abs(sum(side * volume for _, _, volume, side in bar)),
        }[rule]
        if total >= size:
            done.append(bar)
            bar = []
    return done, bar


def bar_row(bar: list[Any], interval: int | None) -> tuple[Any, ...]:
    """A bar's fields in the order of BAR_DTYPE."""
    times, prices, volumes, sides = zip(*bar, strict=True)
    start = times[0] if interval is None else times[0] // interval * interval
    notional = sum(p * v for p, v in zip(prices, volumes, strict=True))
    bought, sold = (sum(v for v, s in zip(volumes, sides, strict=True) if s == side) for side in (1, -1))
    ends = (prices[0], max(prices), min(prices), prices[-1])
    return (start, times[-1], *ends, sum(volumes), notional, bought, sold, len(bar))


def micro_adjustments(tops: Floats, tick: float, buckets: int, spreads: int) -> Floats:
    """Stoikov's adjustments, by solving and then summing powers one by one; rows of tops: bid, volume, ask, volume."""

    def state(top: Floats) -> int | None:
        bid, bid_volume, ask, ask_volume = top
        spread = round((ask - bid) / tick)
        if not 1 <= spread <= spreads or bid_volume + ask_volume <= 0:
            return None
        return (spread - 1) * buckets + min(int(bid_volume / (bid_volume + ask_volume) * buckets), buckets - 1)

    count = buckets * spreads
    stays, moves, moved = np.zeros((count, count)), np.zeros((count, count)), np.zeros(count)
    states = [state(top) for top in tops]
    mids = [(top[0] + top[2]) / 2 for top in tops]
    for before, now, change in zip(states[:-1], states[1:], np.diff(mids), strict=True):
        if before is None or now is None:
            continue
        mirror = [s // buckets * buckets + buckets - 1 - s % buckets for s in (before, now)]
        for (a, b), sign in (((before, now), 1), (mirror, -1)):
            (moves if abs(change) > tick / 4 else stays)[a, b] += 1
            moved[a] += sign * (change if abs(change) > tick / 4 else 0)
    totals = (stays + moves).sum(axis=1)
    live = totals > 0
    # The samples of these tests leave no state that is only ever the last one.
    stay, move = (m[np.ix_(live, live)] / totals[live, None] for m in (stays, moves))
    inverse = np.linalg.inv(np.eye(live.sum()) - stay)
    term = inverse @ (moved[live] / totals[live])
    step, total = inverse @ move, np.zeros(live.sum())
    for _ in range(20_000):
        total += term
        term = step @ term
    result = np.full(count, NAN)
    result[live] = total
    return result.reshape(spreads, buckets)


def ema(values: Sequence[float], period: int, weight: float | None = None) -> list[float]:
    weight = 2 / (period + 1) if weight is None else weight
    result = [NAN] * len(values)
    for row in range(period - 1, len(values)):
        before = result[row - 1]
        first = row == period - 1
        result[row] = sum(values[:period]) / period if first else before + weight * (values[row] - before)
    return result


def rsi(values: Sequence[float], period: int) -> list[float]:
    changes = [b - a for a, b in pairwise(values)]
    gains = ema([max(c, 0.0) for c in changes], period, 1 / period)
    losses = ema([max(-c, 0.0) for c in changes], period, 1 / period)
    pairs = zip(gains, losses, strict=True)
    return [NAN, *(100 - 100 / (1 + g / x) if x > 0 else 100.0 if g > 0 else NAN if g != g else 50.0 for g, x in pairs)]


def atr(highs: Sequence[float], lows: Sequence[float], closes: Sequence[float], period: int) -> list[float]:
    ranges = [
        max(high, closes[row - 1]) - min(low, closes[row - 1]) if row else high - low
        for row, (high, low) in enumerate(zip(highs, lows, strict=True))
    ]
    return ema(ranges, period, 1 / period)
