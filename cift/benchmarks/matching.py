"""Order matching: calls on the Rust book in a mixed flow, one at a time and thousands in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns

import numpy as np

from cift.benchmarks.measure import Row, Samples, latency_row, rate_row
from cift.benchmarks.profile import Profile

Call = tuple[Callable[..., object], tuple[object, ...]]
SECTION = "Order Matching (Rust)"
KEYS = ("matching", "matching_batch")
_TICK = 0.01
_START_TICK = 10_000
_SPREAD_TICKS = 40
_RESTING = 2_000
_BATCH = 10_000


def measure(profile: Profile) -> list[Row]:
    """Return the latency of FastOrderBook calls: 60 % passive adds, 30 % cancels, 10 % orders that cross.

    The second row is the rate of the same flow through `submit_batch`. What is timed is the call as Python makes it,
    the clock's own cost (tens of nanoseconds) included.
    """
    from cift_core import FastOrderBook

    repetitions = []
    for seed in range(profile.repetitions + 1):
        book = FastOrderBook("BENCH", tick_size=_TICK)
        repetitions.append(time_calls(mixed_flow(book, profile.matching_operations, seed)))
    batches = [_batch(profile.matching_operations, seed) for seed in range(profile.repetitions + 1)]
    return [
        latency_row("matching", SECTION, "one call, mixed flow", "us", repetitions[1:]),
        rate_row("matching_batch", SECTION, f"{_BATCH:,} commands a call, mixed flow", batches[1:]),
    ]


def time_calls(calls: Sequence[Call]) -> Samples:
    """Make the calls one after the other and return how long each took, in nanoseconds."""
    samples = np.empty(len(calls), dtype=np.int64)
    for index, (call, arguments) in enumerate(calls):
        start = perf_counter_ns()
        call(*arguments)
        samples[index] = perf_counter_ns() - start
    return samples


def _batch(count: int, seed: int) -> tuple[int, int]:
    """Carry out the same flow in batches on a fresh book; return (commands, nanoseconds)."""
    from cift_core import FastOrderBook
    from cift_core.dtypes import CANCEL, COMMAND_DTYPE, LIMIT

    book = FastOrderBook("BENCH", tick_size=_TICK)
    calls = mixed_flow(book, count, seed)
    commands = np.zeros(len(calls), dtype=COMMAND_DTYPE)
    for row, (_, arguments) in zip(commands, calls, strict=True):
        if len(arguments) == 1:
            row["op"], row["order_id"] = CANCEL, arguments[0]
            continue
        order_id, side, price, quantity, user_id = arguments
        row["op"], row["side"], row["order_id"], row["user_id"] = LIMIT, side == "sell", order_id, user_id
        row["price"], row["quantity"] = price, quantity
    parts = [commands[start : start + _BATCH] for start in range(0, commands.size, _BATCH)]
    start = perf_counter_ns()
    for part in parts:
        book.submit_batch(part)
    return commands.size, perf_counter_ns() - start


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
