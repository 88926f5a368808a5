"""The engine's own histogram shows what prometheus_client's would."""

from __future__ import annotations

import random

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from cift.core.tally import Tally

BOUNDS = (1, 2, 5, 10)


def text(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_it_counts_as_a_histogram_does() -> None:
    chance = random.Random(1)
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tally("latency_microseconds", "How long", BOUNDS, registry=ours)
    histogram = Histogram("latency_microseconds", "How long", buckets=BOUNDS, registry=theirs)
    for value in [0.0, 1, 2, 2.0001, 5, 10, 10.5, *(chance.uniform(0, 20) for _ in range(1000))]:
        tally.observe(value)
        histogram.observe(value)
    assert text(ours) == text(theirs)
