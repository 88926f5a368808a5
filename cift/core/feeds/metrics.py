"""What Prometheus hears of a feed."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

MESSAGES = Counter("cift_feed_messages", "Messages published", ["kind"])
SKIPPED = Counter("cift_feed_skipped", "Messages that the stream had already from an earlier run")
LAG = Gauge("cift_feed_lag_seconds", "How far it is behind: a file behind its clock, an exchange's message behind ours")
GAPS = Counter("cift_feed_gaps", "Times that updates or trades of an exchange were missing", ["symbol"])
REPEATED = Counter("cift_feed_repeated", "Messages of an exchange that came again")
BAD = Counter("cift_feed_bad", "Messages of an exchange that can't be read")
RECONNECTS = Counter("cift_feed_reconnects", "Connections to an exchange that were lost, or not made")
SNAPSHOTS = Counter("cift_feed_snapshots", "Snapshots of a book that an exchange was asked for")
