"""Pre-trade risk: one check at a time, in the Rust core."""

from __future__ import annotations

import numpy as np

from cift.benchmarks.matching import time_calls
from cift.benchmarks.measure import Row, latency_row
from cift.benchmarks.profile import Profile

SECTION = "Risk Checks (Rust)"


def measure(profile: Profile) -> list[Row]:
    """Return the latency of FastRiskEngine.check_order, over orders of which some are refused."""
    from cift_core import FastRiskEngine

    engine = FastRiskEngine(1_000_000.0, 100_000_000.0, 10.0)
    repetitions = []
    for seed in range(profile.repetitions + 1):
        random = np.random.default_rng(seed)
        quantities = random.integers(1, 20_000, profile.risk_checks) * 100.0
        prices = np.round(random.uniform(10, 500, profile.risk_checks), 2)
        positions = random.integers(-5_000, 5_000, profile.risk_checks) * 100.0
        sides = random.integers(0, 2, profile.risk_checks)
        calls = [
            (engine.check_order, ("BENCH", "buy" if side else "sell", quantity, price, position, 1_000_000_000.0))
            for side, quantity, price, position in zip(
                sides.tolist(), quantities.tolist(), prices.tolist(), positions.tolist(), strict=True
            )
        ]
        repetitions.append(time_calls(calls))
    return [latency_row("risk", SECTION, "one check", "us", repetitions[1:])]
