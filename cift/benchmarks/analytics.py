"""Analytics in ClickHouse: the bars that a host is judged by, and ten queries to a day's ticks, cold and warm."""

from __future__ import annotations

from collections.abc import Iterator

from cift.benchmarks import queries
from cift.benchmarks.measure import Row, latency_row
from cift.benchmarks.profile import Profile
from cift.benchmarks.ticks import Ticks, connect, ticks
from cift.core.config import Settings

SECTION = "Analytics Query (ClickHouse)"
#: What the judged row asks, and of how many ticks: the same in every profile.
JUDGED, TICKS = "minute_bars_of_all", 1_000_000
KEYS = ("analytics", *(f"query_{query.name}{ending}" for query in queries.load() for ending in ("", "_cold")))


def measure(settings: Settings, profile: Profile) -> tuple[list[Row], dict[str, str]]:
    """Return the latencies of the queries, their answers received, and the server's version.

    The ticks live in scratch tables that are dropped afterwards.
    """
    with connect(settings) as client:
        with ticks(client, TICKS) as day:
            rows = [_judged(day, profile)]
        with ticks(client, profile.analytics_ticks) as day:
            rows += _each(day, profile)
        return rows, {"clickhouse": str(client.server_version)}


def _judged(day: Ticks, profile: Profile) -> Row:
    (query,) = (query for query in queries.load() if query.name == JUDGED)
    runs = [day.time(query, profile.analytics_queries) for _ in range(profile.repetitions + 1)]
    return latency_row("analytics", SECTION, f"1-minute bars with VWAP, {day.count:,} ticks", "ms", runs[1:])


def _each(day: Ticks, profile: Profile) -> Iterator[Row]:
    """Yield two rows a query: warm, after a run that isn't counted, and cold, each of its runs the first anew."""
    for query in queries.load():
        key, name = f"query_{query.name}", f"{query.title}, {day.count:,} ticks"
        cold = [day.time(query, 1, cold=True) for _ in range(profile.repetitions)]
        day.ask(query)
        warm = [day.time(query, profile.query_runs) for _ in range(profile.repetitions)]
        yield latency_row(key, SECTION, f"{name}, warm", "ms", warm)
        yield latency_row(f"{key}_cold", SECTION, f"{name}, cold", "ms", cold)
