"""Order matching: one call on the Rust book at a time, in a mixed flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns

import numpy as np

from cift.benchmarks.measure import Row, Samples, latency_row
from cift.benchmarks.profile import Profile

Call = tuple[Callable[..., object], tuple[object, ...]]
SECTION = "Order Matching (Rust)"
_TICK = 0.01
_START_TICK = 10_000
_SPREAD_TICKS = 40
_RESTING = 2_000


def measure(profile: Profile) -> list[Row]:
    """Return the latency of FastOrderBook calls: 60 % passive adds, 30 % cancels, 10 % orders that cross.

    What is timed is the call as Python makes it, the clock's own cost (tens of nanoseconds) included.
    """
    from cift_core import FastOrderBook

    repetitions = []
    for seed in range(profile.repetitions + 1):
        book = FastOrderBook("BENCH", tick_size=_TICK)
        repetitions.append(time_calls(mixed_flow(book, profile.matching_operations, seed)))
    return [latency_row("matching", SECTION, "one call, mixed flow", "us", repetitions[1:])]


def time_calls(calls: Sequence[Call]) -> Samples:
    """Make the calls one after the other and return how long each took, in nanoseconds."""
    samples = np.empty(len(calls), dtype=np.int64)
    for index, (call, arguments) in enumerate(calls):
        start = perf_counter_ns()
        call(*arguments)
        samples[index] = perf_counter_ns() - start
    return samples


def mixed_flow(book: object, count: int, seed: int) -> list[Call]:
    """Return `count` prepared calls on the book, after filling it with resting orders.

    Everything random is drawn beforehand, so that nothing but the book works while the clock runs. A cancel names an
    order placed before it that may have traded meanwhile, as in a real market.
    """
    add, cancel = book.add_limit_order, book.cancel_order  # type: ignore[attr-defined]
    random = np.random.default_rng(seed)
    kinds = random.random(count + _RESTING)
    kinds[:_RESTING] = 0.0
    sides = random.integers(0, 2, kinds.size)
    distances = random.integers(1, _SPREAD_TICKS, kinds.size)
    quantities = random.integers(1, 10, kinds.size) * 100.0
    picks = random.random(kinds.size)
    placed: list[int] = []
    calls: list[Call] = []
    for index in range(kinds.size):
        order_id, user_id, buy = index + 1, int(index % 64), bool(sides[index])
        kind = kinds[index]
        if 0.6 <= kind < 0.9:
            calls.append((cancel, (placed[int(picks[index] * len(placed))],)))
            continue
        away = int(distances[index]) if kind < 0.6 else -5
        price = round((_START_TICK + (-away if buy else away)) * _TICK, 2)
        calls.append((add, (order_id, "buy" if buy else "sell", price, float(quantities[index]), user_id)))
        if kind < 0.6:
            placed.append(order_id)
    for call, arguments in calls[:_RESTING]:
        call(*arguments)
    return calls[_RESTING:]
