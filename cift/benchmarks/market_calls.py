"""Market data as a strategy asks for it: one call at a time, over the last thousand ticks."""

from __future__ import annotations

import numpy as np

from cift.benchmarks.matching import Call, time_calls
from cift.benchmarks.measure import Row, latency_row
from cift.benchmarks.profile import Profile

SECTION = "Market Data (Rust)"
KEYS = ("market_vwap", "market_ofi", "market_microprice")
_TICKS = 1_000


def measure(profile: Profile) -> list[Row]:
    """Return the latency of FastMarketData's calls: VWAP and order-flow imbalance of arrays, the microprice."""
    from cift_core import FastMarketData

    market, random = FastMarketData(), np.random.default_rng(5)
    ticks = np.column_stack([np.round(random.uniform(99, 101, _TICKS), 2), random.integers(1, 100, _TICKS) * 100.0])
    bids, asks = (random.integers(1, 100, _TICKS) * 100.0 for _ in range(2))
    calls: dict[str, tuple[str, Call]] = {
        "market_vwap": (f"VWAP of {_TICKS:,} ticks", (market.calculate_vwap, (ticks,))),
        "market_ofi": (f"imbalance of {_TICKS:,} volumes", (market.calculate_ofi, (bids, asks))),
        "market_microprice": ("size-weighted mid", (market.calculate_microprice, (99.99, 100.01, 700.0, 300.0))),
    }
    rows = []
    for key, (name, call) in calls.items():
        runs = [time_calls([call] * (profile.risk_checks // 10)) for _ in range(profile.repetitions + 1)]
        rows.append(latency_row(key, SECTION, name, "us", runs[1:]))
    return rows
