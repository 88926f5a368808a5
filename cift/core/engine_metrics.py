"""What Prometheus hears of an engine."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from cift.core.tally import Tally

MATCHING = Tally(
    "order_matching_latency_microseconds",
    "Risk check and matching of one command",
    (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 5000),
)
COMMANDS = Counter("cift_engine_commands", "Commands decided")
REJECTS = Counter("cift_engine_rejects", "Commands refused", ["code"])
FILLS = Counter("cift_engine_fills", "Matches")
POSITION = Gauge("cift_engine_position", "Sequence of the last command decided")
LAG = Gauge("cift_engine_lag", "Commands in the journal behind it")
QUEUED = Gauge("cift_engine_queued", "Commands read and not decided yet")
ACTIVE = Gauge("cift_engine_active", "Whether this one says what is decided (1), or stands by (0)")
UNPROVEN = Gauge("cift_engine_unproven", "Messages sent and not known to be stored", ["stream"])
