"""What a replay counted and measured."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec
from hdrh.histogram import HdrHistogram
from rich.table import Table

_LONGEST_NS = 60_000_000_000
_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
_KEPT_MESSAGES = 10
_NS_PER_US = 1000


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """A finished replay, as in `replay.json`. Latencies are round trips of one command, in microseconds.

    Its `fills` are all those of `symbol` by orders from `first_order_id` to `last_order_id`.
    """

    source: str
    target: str
    symbol: str
    first_order_id: int
    last_order_id: int
    events: int
    orders: int
    commands: int
    fills: int
    skipped: int
    out_of_turn: int
    seconds: float
    rate: float
    latency_us: dict[str, float]
    rows: int
    told: int
    differing: int
    errors: int
    messages: list[str]

    @property
    def good(self) -> bool:
        """Whether no command was refused and no row differs."""
        return not self.errors and not self.differing

    def table(self) -> Table:
        """Return the result for a terminal."""
        table = Table(title=f"{self.source} to the {self.target}", show_header=False, title_justify="left")
        table.add_column(justify="left")
        table.add_column(justify="right")
        table.add_row("events", f"{self.events:,}")
        table.add_row("orders", f"{self.orders:,}")
        table.add_row("fills", f"{self.fills:,}")
        table.add_row("commands per second", f"{self.rate:,.0f}")
        for name, value in self.latency_us.items():
            table.add_row(f"latency {name}", f"{value:,.1f} us")
        if self.rows:
            table.add_row("rows compared", f"{self.rows:,}")
            table.add_row("rows that the messages can tell", f"{self.told:,}")
            table.add_row("rows whose book differs", f"{self.differing:,}")
        if self.skipped:
            table.add_row("events about orders never seen", f"{self.skipped:,}")
        if self.out_of_turn:
            table.add_row("fills out of turn", f"{self.out_of_turn:,}")
        table.add_row("errors", f"{self.errors:,}")
        return table


@dataclass(slots=True)
class Tally:
    """Counts while a replay runs."""

    orders: int = 0
    commands: int = 0
    fills: int = 0
    first_order_id: int = 0
    last_order_id: int = 0
    skipped: int = 0
    out_of_turn: int = 0
    errors: int = 0
    messages: list[str] = field(default_factory=list)
    _histogram: HdrHistogram = field(default_factory=lambda: HdrHistogram(1, _LONGEST_NS, 3))
    _started_ns: int = 0

    def start(self) -> None:
        """Start the clock: what came before was preparation."""
        self._started_ns = time.perf_counter_ns()

    def placed(self, order_id: int) -> None:
        """Count an order, and remember between which ids of the target the replay's lie."""
        self.orders += 1
        self.first_order_id = self.first_order_id or order_id
        self.last_order_id = order_id

    def took(self, nanoseconds: int) -> None:
        """Count a command and its round trip."""
        self.commands += 1
        self._histogram.record_value(min(max(nanoseconds, 1), _LONGEST_NS))

    def refused(self, message: str) -> None:
        """Count a command that the target refused; the first messages are kept."""
        self.commands += 1
        self.errors += 1
        if len(self.messages) < _KEPT_MESSAGES:
            self.messages.append(message)

    def seconds(self) -> float:
        """Return how long it has taken since `start`."""
        return (time.perf_counter_ns() - self._started_ns) / 1e9

    def latency_us(self) -> dict[str, float]:
        """Return mean, percentiles and maximum in microseconds; nothing when nothing was measured."""
        histogram = self._histogram
        if histogram.get_total_count() == 0:
            return {}
        points = {name: histogram.get_value_at_percentile(point) for name, point in _PERCENTILES.items()}
        points = {"mean": histogram.get_mean_value(), **points, "max": histogram.get_max_value()}
        return {name: round(value / _NS_PER_US, 3) for name, value in points.items()}
