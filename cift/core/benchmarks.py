"""The guide's entry point: `python -m cift.core.benchmarks --phase=7`; the measuring lives in `cift.benchmarks`."""

from __future__ import annotations

import sys

from cift.benchmarks.command import main

if __name__ == "__main__":
    sys.exit(main())
