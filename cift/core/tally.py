"""A histogram for what happens tens of thousands of times a second: counted by one thread, without a lock each time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString


class Tally(Collector):
    """Exposed as prometheus_client's Histogram is: `<name>_bucket`, `_count` and `_sum`.

    That one takes two locks and searches its bounds one by one: 2 μs, a fifth of what the engine takes for a command.
    """

    def __init__(
        self, name: str, purpose: str, bounds: Sequence[float], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._name, self._purpose = name, purpose
        self._bounds = [*bounds, float("inf")]
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        registry.register(self)

    def observe(self, value: float) -> None:
        """Count a value; from one thread only."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return the metric as it is now."""
        buckets, total = [], 0
        for bound, count in zip(self._bounds, self._counts, strict=True):
            total += count
            buckets.append((floatToGoString(bound), float(total)))  # type: ignore[no-untyped-call]
        yield HistogramMetricFamily(self._name, self._purpose, buckets=buckets, sum_value=self._sum)
