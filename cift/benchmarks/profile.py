"""How much is measured: `full` for a verdict on a server, `quick` for a sandbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Sizes of one run. Repetitions are what medians are taken over; counts are per repetition."""

    repetitions: int
    matching_operations: int
    risk_checks: int
    messages: int
    journal_messages: int
    analytics_queries: int
    cache_seconds: float
    orders: int


FULL = Profile(
    repetitions=5,
    matching_operations=200_000,
    risk_checks=200_000,
    messages=10_000,
    journal_messages=3_000,
    analytics_queries=10,
    cache_seconds=1.5,
    orders=500,
)
QUICK = Profile(
    repetitions=3,
    matching_operations=50_000,
    risk_checks=50_000,
    messages=2_000,
    journal_messages=500,
    analytics_queries=4,
    cache_seconds=0.25,
    orders=60,
)
