"""The query behind bars of any length, and the checks of what it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

NANOSECOND = 1_000_000_000
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
INTERVALS = {
    f"{count}{unit}": count * _UNITS[unit]
    for unit, counts in {"s": (1, 5, 15, 30), "m": (1, 3, 5, 15, 30), "h": (1, 2, 4, 12), "d": (1,)}.items()
    for count in counts
}
"""Seconds by name. Shorter than a minute they are made from ticks, otherwise from the one-minute states."""

Instant = datetime | int
"""A moment: a datetime (UTC when it names no time zone) or nanoseconds since 1970."""

_MERGED = """
SELECT toDateTime64(toStartOfInterval(bars.ts, toIntervalSecond({seconds:UInt32})), 3, 'UTC') AS ts,
       any(bars.symbol) AS symbol,
       argMinMerge(bars.open) AS open,
       max(bars.high) AS high,
       min(bars.low) AS low,
       argMaxMerge(bars.close) AS close,
       sum(bars.volume) AS volume,
       sum(bars.notional) / volume AS vwap,
       sum(bars.trades) AS trades
FROM bars_analytics AS bars
WHERE bars.symbol = {symbol:String}
  AND bars.ts >= toDateTime({start:Int64}, 'UTC') AND bars.ts < toDateTime({end:Int64}, 'UTC')
GROUP BY ts
ORDER BY ts
"""

_FROM_TICKS = """
SELECT toDateTime64(toStartOfInterval(ticks.ts, toIntervalSecond({seconds:UInt32})), 3, 'UTC') AS ts,
       any(ticks.symbol) AS symbol,
       argMin(ticks.price, (ticks.ts, seq, pos_high, pos)) AS open,
       max(ticks.price) AS high,
       min(ticks.price) AS low,
       argMax(ticks.price, (ticks.ts, seq, pos_high, pos)) AS close,
       sum(quantity) AS volume,
       sum(ticks.price * quantity) / volume AS vwap,
       count() AS trades
FROM ticks_analytics AS ticks
WHERE ticks.symbol = {symbol:String}
  AND ticks.ts >= fromUnixTimestamp64Second({start:Int64}, 'UTC')
  AND ticks.ts < fromUnixTimestamp64Second({end:Int64}, 'UTC')
GROUP BY ts
ORDER BY ts
"""


@dataclass(frozen=True, slots=True)
class Query:
    """SQL and the values of its parameters."""

    sql: str
    params: Mapping[str, int | float | str]


def nanoseconds(field: str, moment: Instant) -> int:
    """Return nanoseconds since 1970; `field` names the argument in errors."""
    if isinstance(moment, bool) or not isinstance(moment, (int, datetime)):
        raise ValueError(f"{field}: found {moment!r}, expected a datetime or nanoseconds since 1970 as int")
    if isinstance(moment, datetime):
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        whole = int(moment.replace(microsecond=0).timestamp())
        moment = whole * NANOSECOND + moment.microsecond * 1000
    # The years that DateTime64(9) can hold end in 2262; DateTime, which bars use, in 2106.
    if not 0 <= moment < 2**32 * NANOSECOND:
        raise ValueError(f"{field}: found {moment}, expected a moment from 1970 to 2106")
    return moment


def period(start: Instant, end: Instant) -> tuple[int, int]:
    """Check a period [start, end) and return it in nanoseconds since 1970."""
    first, last = nanoseconds("start", start), nanoseconds("end", end)
    if first >= last:
        raise ValueError(f"end: found {end}, expected a moment after start ({start})")
    return first, last


def check_symbol(symbol: str) -> str:
    """Return the symbol if it is one."""
    if not isinstance(symbol, str) or not symbol:
        raise ValueError(f"symbol: found {symbol!r}, expected the name of an instrument")
    return symbol


def seconds_of(interval: str) -> int:
    """Return the length of a bar by its name."""
    if interval not in INTERVALS:
        raise ValueError(f"interval: found {interval!r}, expected one of {', '.join(INTERVALS)}")
    return INTERVALS[interval]


def whole_bars(start: Instant, end: Instant, seconds: int) -> dict[str, int]:
    """Return a period in seconds, both ends rounded up to where a bar begins: then every bar in between is complete."""
    first, last = period(start, end)
    step = seconds * NANOSECOND
    return {"start": -(-first // step) * seconds, "end": -(-last // step) * seconds}


def bars_query(symbol: str, interval: str, start: Instant, end: Instant) -> Query:
    """Return the query for the bars of `symbol` that begin in [start, end), whole ones only.

    Raises:
        ValueError: an unknown interval, a symbol or a moment that is none, an end that isn't after the start.
    """
    seconds = seconds_of(interval)
    params: dict[str, int | float | str] = {"symbol": check_symbol(symbol), "seconds": seconds}
    params |= whole_bars(start, end, seconds)
    return Query(_MERGED if seconds >= 60 else _FROM_TICKS, params)
