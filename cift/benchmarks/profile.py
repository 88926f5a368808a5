"""How much is measured: `full` for a verdict on a server, `quick` for a sandbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Sizes of one run. Repetitions are what medians are taken over; counts are per repetition."""

    name: str
    repetitions: int
    matching_operations: int
    risk_checks: int
    messages: int
    journal_messages: int
    analytics_queries: int
    analytics_ticks: int
    query_runs: int
    cache_seconds: float
    jitter_runs: int
    jitter_seconds: int
    network_seconds: int
    orders: int


FULL = Profile(
    name="full",
    repetitions=5,
    matching_operations=200_000,
    risk_checks=200_000,
    messages=10_000,
    journal_messages=3_000,
    analytics_queries=10,
    analytics_ticks=10_000_000,
    query_runs=5,
    cache_seconds=1.5,
    jitter_runs=5,
    jitter_seconds=10,
    network_seconds=3,
    orders=500,
)
QUICK = Profile(
    name="quick",
    repetitions=5,
    matching_operations=30_000,
    risk_checks=30_000,
    messages=1_200,
    journal_messages=300,
    analytics_queries=3,
    analytics_ticks=200_000,
    query_runs=1,
    cache_seconds=0.2,
    jitter_runs=1,
    jitter_seconds=1,
    network_seconds=1,
    orders=40,
)
