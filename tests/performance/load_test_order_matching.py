"""The migration guide's load test: `python tests/performance/load_test_order_matching.py --orders=10000`.

Plays that many calls of a mixed flow on one book, as fast as they go, and holds the p99 of a call against 10 μs.
"""

from __future__ import annotations

import argparse
import sys

from cift.benchmarks.console import figure
from cift.benchmarks.matching import mixed_flow, time_calls
from cift.benchmarks.measure import latency_row

TARGET_US = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000, metavar="N", help="calls to make (default 10000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the same seed plays the same flow")
    options = parser.parse_args()
    if options.orders < 1:
        parser.error(f"--orders is {options.orders}; give a number above 0")
    from cift_core import FastOrderBook

    samples = time_calls(mixed_flow(FastOrderBook("LOAD"), options.orders, options.seed))
    row = latency_row("matching", "Order Matching (Rust)", "one call, mixed flow", "us", [samples])
    passed = row.p99 is not None and row.p99 < TARGET_US
    seconds = samples.sum() / 1e9
    print(f"{options.orders:,} calls in {seconds:.3f} s: {options.orders / seconds:,.0f}/s")
    for name in ("mean", "p50", "p95", "p99", "max"):
        print(f"  {name:<5} {figure(getattr(row, name), 'us')}")
    print(f"{'✓' if passed else '✗'} Target: P99 <{TARGET_US:.0f}μs ({'PASSED' if passed else 'FAILED'})")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
