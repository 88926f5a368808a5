"""Analytics: one-minute bars with VWAP out of a fixed number of generated ticks, in ClickHouse."""

from __future__ import annotations

import secrets
from time import perf_counter_ns

import clickhouse_connect
import numpy as np

from cift.benchmarks.measure import Row, latency_row
from cift.benchmarks.profile import Profile
from cift.core.clickhouse.connection import sign_in
from cift.core.config import Settings

SECTION = "Analytics Query (ClickHouse)"
TICKS = 1_000_000
_SYMBOLS = 50
_TABLE = """
CREATE TABLE {table:Identifier} (
  ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  symbol LowCardinality(String),
  price Float64 CODEC(Gorilla, ZSTD(1)),
  quantity Float64
) ENGINE = MergeTree ORDER BY (symbol, ts)
"""
# 390 minutes of trading from a fixed moment, the same ticks in every run: a hash of the row number stands for chance.
_FILL = """
INSERT INTO {table:Identifier}
SELECT
  toDateTime64('2024-01-02 14:30:00', 9, 'UTC') + toIntervalNanosecond(intDiv(number * 23400000000000, {ticks:UInt64})),
  concat('SYM', toString(cityHash64(number) % {symbols:UInt64})),
  100 + (cityHash64(number, 1) % 1000) / 100,
  1 + cityHash64(number, 2) % 100
FROM numbers({ticks:UInt64})
"""
_BARS = """
SELECT
  symbol, toStartOfMinute(ts) AS minute,
  argMin(price, ts) AS open, max(price) AS high, min(price) AS low, argMax(price, ts) AS close,
  sum(quantity) AS volume, sum(price * quantity) / sum(quantity) AS vwap
FROM {table:Identifier}
GROUP BY symbol, minute
ORDER BY symbol, minute
"""


def measure(settings: Settings, profile: Profile) -> tuple[list[Row], dict[str, str]]:
    """Return the latency of the aggregation, its result received, and the server's version.

    The ticks live in a scratch table that is dropped afterwards.
    """
    client = clickhouse_connect.get_client(
        **sign_in(settings),
        database=settings.clickhouse_db,
        connect_timeout=3,
        send_receive_timeout=60,
    )
    table = {"table": f"benchmark_{secrets.token_hex(4)}"}
    try:
        client.command(_TABLE, parameters=table)
        try:
            client.command(_FILL, parameters={**table, "ticks": TICKS, "symbols": _SYMBOLS})
            repetitions = []
            for _ in range(profile.repetitions + 1):
                samples = np.empty(profile.analytics_queries, dtype=np.int64)
                for index in range(profile.analytics_queries):
                    start = perf_counter_ns()
                    client.query_arrow(_BARS, parameters=table)
                    samples[index] = perf_counter_ns() - start
                repetitions.append(samples)
        finally:
            client.command("DROP TABLE {table:Identifier}", parameters=table)
        row = latency_row("analytics", SECTION, f"1-minute bars with VWAP, {TICKS:,} ticks", "ms", repetitions[1:])
        return [row], {"clickhouse": str(client.server_version)}
    finally:
        client.close()
