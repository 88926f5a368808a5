"""Times a risk check, a VWAP and a flow in one call: `calls.py numba|cift_core FLOW.json`, and prints JSON.

The same inputs for both; figures are nanoseconds of the thread's own time, a check or a call, and what was answered.
Without its compiler (NUMBA_DISABLE_JIT) the old engine carries out no flow: that would take minutes.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import thread_time_ns
from typing import Any

import numpy as np

_CHECKS, _TICKS = 50_000, (1_000, 1_000_000)
_LIMITS = (1_000_000.0, 100_000_000.0, 10.0)
_VALUE = 1_000_000_000.0
_COMMAND = np.dtype(
    {
        "names": ["op", "side", "order_id", "price", "quantity"],
        "formats": ["u1", "u1", "<u8", "<f8", "<f8"],
        "offsets": [0, 1, 8, 24, 32],
        "itemsize": 40,
    }
)


def orders() -> list[tuple[str, float, float, float]]:
    """Return side, quantity, price and position of orders of which some are refused."""
    random = np.random.default_rng(3)
    return list(
        zip(
            np.where(random.integers(0, 2, _CHECKS) == 0, "buy", "sell").tolist(),
            (random.integers(1, 20_000, _CHECKS) * 100.0).tolist(),
            np.round(random.uniform(10, 500, _CHECKS), 2).tolist(),
            (random.integers(-5_000, 5_000, _CHECKS) * 100.0).tolist(),
            strict=True,
        )
    )


def columns(count: int) -> tuple[Any, Any]:
    """Return prices and volumes."""
    random = np.random.default_rng(4)
    return np.round(random.uniform(10, 500, count), 2), random.integers(1, 100, count) * 100.0


def timed(call: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Return nanoseconds a time, and the last answer."""
    answer = call()
    gc.collect()
    start = thread_time_ns()
    for _ in range(times):
        answer = call()
    return (thread_time_ns() - start) / times, answer


def measure(checks: Callable[[], int], vwap: Callable[[Any, Any], float]) -> dict[str, tuple[float, float]]:
    """Return (nanoseconds, answer) of each thing; `checks` checks all orders and returns how many may go."""
    spent, passed = timed(checks, 1)
    found = {"risk": (spent / _CHECKS, float(passed))}
    for count in _TICKS:
        prices, volumes = columns(count)
        spent, value = timed(lambda p=prices, v=volumes: vwap(p, v), max(3, 3_000_000 // count))  # type: ignore[misc]
        found[f"vwap_{count}"] = (spent, float(value))
    return found


def by_numba(flow: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Measure the old engine."""
    from numba_functions import Arrays, carry_out, risk, vwap  # type: ignore[import-not-found]

    reasons = ("", "position limit", "notional limit", "leverage limit")

    def check(side: str, quantity: float, price: float, position: float) -> tuple[bool, str]:
        code = risk(side == "buy", quantity, price, position, _VALUE, *_LIMITS)
        return code == 0, reasons[code]

    wanted = orders()
    found = measure(lambda: sum(check(*order)[0] for order in wanted), vwap)
    if os.environ.get("NUMBA_DISABLE_JIT"):
        return found
    rows = np.fromfile(flow["commands"], dtype=_COMMAND)
    parts = [rows[name].astype(np.int64) for name in ("op", "side", "order_id")]
    parts += [np.round(rows["price"] * 100).astype(np.int64), rows["quantity"].astype(np.int64)]

    def run(book: Any, chosen: slice) -> int:
        given = (np.ascontiguousarray(part[chosen]) for part in parts)
        return int(carry_out(book.ticks, book.lots, book.ids, book.sizes, book.fills, *given))

    run(Arrays(rows.size), slice(0, 10))
    book = Arrays(rows.size)
    run(book, slice(0, flow["warm"]))
    start = thread_time_ns()
    traded = run(book, slice(flow["warm"], None))
    found["flow"] = ((thread_time_ns() - start) / flow["operations"], float(traded))
    return found


def by_core(flow: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Measure ours."""
    from cift_core import FastMarketData, FastOrderBook, FastRiskEngine
    from cift_core.dtypes import COMMAND_DTYPE, FILL

    check: Any = FastRiskEngine(*_LIMITS).check_order
    wanted = orders()
    found = measure(
        lambda: sum(
            check("BENCH", side, quantity, price, position, _VALUE)[0] for side, quantity, price, position in wanted
        ),
        FastMarketData().vwap,
    )
    rows = np.fromfile(flow["commands"], dtype=COMMAND_DTYPE)
    book = FastOrderBook("BENCH", tick_size=0.01)
    book.submit_batch(rows[: flow["warm"]].copy())
    mixed = rows[flow["warm"] :].copy()
    start = thread_time_ns()
    events = book.submit_batch(mixed)
    spent = (thread_time_ns() - start) / flow["operations"]
    found["flow"] = (spent, float(events["quantity"][events["kind"] == FILL].sum()))
    return found


if __name__ == "__main__":
    side, path = sys.argv[1:]
    print(json.dumps({"numba": by_numba, "cift_core": by_core}[side](json.loads(Path(path).read_bytes()))))
