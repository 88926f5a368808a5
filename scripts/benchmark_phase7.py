"""The migration guide's script name for the benchmark suite: `python scripts/benchmark_phase7.py [--quick]`."""

from __future__ import annotations

import sys

from cift.benchmarks.command import main

if __name__ == "__main__":
    sys.exit(main())
