"""How long the clients of data services wait, by system and call; the same names for every program."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

# All have labels, so that none is made while modules are read: the API names its workers' files only then.
SECONDS = Histogram(
    "cift_client_seconds",
    "From a call of a data service's client to its answer",
    ["system", "call"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
ERRORS = Counter("cift_client_errors", "Calls of a data service's client that failed", ["system", "call"])
LOSSES = Counter("cift_client_losses", "Connections of a data service's client that were lost", ["system"])
CONNECTIONS = Gauge("cift_client_connections", "Connections of a pool", ["system", "state"], multiprocess_mode="sum")


@contextmanager
def timed(system: str, call: str) -> Iterator[None]:
    """Time what is done inside; what it fails with is counted and passed on."""
    started = time.perf_counter()
    try:
        yield
    except Exception:
        ERRORS.labels(system, call).inc()
        raise
    SECONDS.labels(system, call).observe(time.perf_counter() - started)
