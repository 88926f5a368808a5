"""Runs every benchmark in order and holds the rows against the targets; what can't be measured is skipped with why."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cift.benchmarks import (
    analytics,
    cache,
    end_to_end,
    environment,
    jitter,
    market_calls,
    matching,
    messaging,
    network,
    risk,
    serialization,
)
from cift.benchmarks.measure import Result, Row, skipped_row
from cift.benchmarks.profile import Profile
from cift.benchmarks.targets import ROWS, Target, judge
from cift.core.config import Settings

Measured = tuple[list[Row], dict[str, str]]
_REACH_S = 3.0


@dataclass(frozen=True)
class Section:
    """One measured thing: its title, the keys of the rows it owes, how to measure it, and the address it needs."""

    title: str
    keys: tuple[str, ...]
    measure: Callable[[Settings, Profile], Measured]
    address: Callable[[Settings], str] | None = None


SECTIONS = (
    Section(matching.SECTION, matching.KEYS, lambda _, profile: (matching.measure(profile), {})),
    Section(risk.SECTION, ("risk",), lambda _, profile: (risk.measure(profile), {})),
    Section(market_calls.SECTION, market_calls.KEYS, lambda _, profile: (market_calls.measure(profile), {})),
    Section(serialization.SECTION, serialization.KEYS, lambda _, profile: (serialization.measure(profile), {})),
    Section(messaging.SECTION, messaging.KEYS, messaging.measure, lambda s: s.nats_url),
    Section(
        analytics.SECTION, analytics.KEYS, analytics.measure, lambda s: f"//{s.clickhouse_host}:{s.clickhouse_port}"
    ),
    Section(cache.SECTION, cache.KEYS, cache.measure, lambda s: f"//{s.cache_host}:{s.cache_port}"),
    Section(end_to_end.SECTION, ("end_to_end",), end_to_end.measure, lambda s: s.api_url),
    Section(jitter.SECTION, jitter.KEYS, lambda _, profile: (jitter.measure(profile), {})),
    Section(network.SECTION, ("network",), lambda _, profile: (network.measure(profile), {})),
)


def run(
    settings: Settings,
    profile: Profile,
    targets: list[Target],
    progress: Callable[[str], None],
    sections: Sequence[Section] = SECTIONS,
) -> Result:
    """Measure every section in turn; `progress` gets each section's title as it begins."""
    rows: list[Row] = []
    versions = environment.versions()
    for section in sections:
        progress(section.title)
        measured, found = _attempt(section, settings, profile)
        rows += measured
        versions |= found
    return Result(
        host=environment.host(),
        hardware=environment.hardware(),
        versions=versions,
        rows=judge(rows, targets),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        profile=profile.name,
    )


def _attempt(section: Section, settings: Settings, profile: Profile) -> Measured:
    """Measure a section; whatever stops it becomes the reason of its skipped rows."""
    try:
        if section.address:
            _reach(section.address(settings))
        return section.measure(settings, profile)
    except Exception as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        return [skipped_row(key, section.title, ROWS[key][1], ROWS[key][0], why) for key in section.keys], {}


def _reach(urls: str) -> None:
    """Open and close a connection to one of the servers, so that where none is there it is told in one plain sentence.

    Raises:
        ConnectionError: nobody listens there.
    """
    problems = []
    for url in urls.split(","):
        address = urlsplit(url.strip())
        try:
            socket.create_connection((address.hostname or "", address.port or 443), timeout=_REACH_S).close()
        except OSError as error:
            problems.append(f"{address.hostname}:{address.port} ({error.strerror or error})")
        else:
            return
    raise ConnectionError(f"nothing answers on {', nor on '.join(problems)}")
