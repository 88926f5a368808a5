"""Histograms of microseconds: read from what rt-tests write, put together, and asked for percentiles."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

PERCENTILES = {"p50": 50.0, "p99": 99.0, "p999": 99.9, "p9999": 99.99}


@dataclass
class Histogram:
    """How often each latency was seen, in us; `over` were beyond the last bucket, `max` is the worst of all."""

    counts: dict[int, int] = field(default_factory=dict)
    over: int = 0
    max: float = 0.0

    @property
    def n(self) -> int:
        """Return the number of samples."""
        return sum(self.counts.values()) + self.over

    def add(self, other: Histogram) -> None:
        """Take another one's samples in."""
        for latency, count in other.counts.items():
            self.counts[latency] = self.counts.get(latency, 0) + count
        self.over += other.over
        self.max = max(self.max, other.max)

    def percentile(self, wanted: float) -> float:
        """Return the least latency, in us, that `wanted` percent of the samples don't exceed; the maximum beyond."""
        rank, seen = math.ceil(self.n * wanted / 100), 0
        for latency, count in sorted(self.counts.items()):
            seen += count
            if seen >= rank:
                return float(latency)
        return self.max

    def summary(self) -> dict[str, Any]:
        """Return the figures as the report keeps them: percentiles in us, count, and the histogram's pairs."""
        figures: dict[str, Any] = {name: self.percentile(percent) for name, percent in PERCENTILES.items()}
        pairs = [[latency, count] for latency, count in sorted(self.counts.items()) if count]
        return figures | {"max": self.max, "n": self.n, "over": self.over, "histogram": pairs}


def rt_tests(result: dict[str, Any]) -> dict[int, Histogram]:
    """Return a histogram for each CPU of what cyclictest or oslat wrote with --json.

    cyclictest counts what is beyond its last bucket in `cycles` alone; oslat's last bucket has it.
    Raises ValueError naming what is missing.
    """
    found: dict[int, Histogram] = {}
    try:
        for thread in result["thread"].values():
            counts = {int(latency): int(count) for latency, count in (thread.get("histogram") or {}).items()}
            over = max(int(thread.get("cycles", 0)) - sum(counts.values()), 0) if "cycles" in thread else 0
            one = Histogram(counts, over, float(thread["max"]))
            found.setdefault(int(thread["cpu"]), Histogram()).add(one)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"expected thread, cpu, max and histogram of rt-tests, found no {error}") from error
    if not found or not any(one.n for one in found.values()):
        raise ValueError("it measured nothing: no thread has a sample")
    return found


def hwlat(printed: str) -> tuple[float, int]:
    """Return the worst latency in us and the number of samples over the threshold that hwlatdetect printed.

    Raises ValueError where it says neither.
    """
    worst = re.search(r"Max Latency:\s*(Below threshold|[\d.]+)", printed)
    samples = re.search(r"Samples exceeding threshold:\s*(\d+)", printed) or re.search(
        r"Samples recorded:\s*(\d+)", printed
    )
    if worst is None:
        raise ValueError("hwlatdetect printed no 'Max Latency'")
    text = worst.group(1)
    return (0.0 if text.startswith("Below") else float(text)), int(samples.group(1)) if samples else 0
