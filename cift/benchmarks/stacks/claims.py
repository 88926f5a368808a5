"""The factors that the migration guide claims, in its own words, and whether the cases measured bear them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from cift.benchmarks.stacks.rows import Case


class Claim(msgspec.Struct, frozen=True):
    """A row of the guide's tables: what is claimed, from what to what, and the least factor that this means."""

    key: str
    what: str
    claimed: str
    factor: float


CLAIMS = (
    Claim("matching", "Order matching: Python + Numba → Rust", "1 ms → 10 μs, 100x", 100.0),
    Claim("risk", "Risk checks: Python + Numba → Rust", "100 μs → 1 μs, 100x", 100.0),
    Claim("vwap", "VWAP: Python + Numba → Rust", "50 μs → 0.5 μs, 100x", 100.0),
    Claim("cache", "Cache: Redis → Dragonfly", "100K/s → 2.5M/s, 25x", 25.0),
    Claim("valkey", "Cache: Redis → Valkey, where there is no Dragonfly", "25x, of Dragonfly", 25.0),
    Claim("serialization", "Serialization: MessagePack → Cap'n Proto", "200 ms → < 1 ms, 200x; elsewhere 220x", 200.0),
    Claim("analytics", "Analytics: PostgreSQL → ClickHouse", "10 s → 100 ms, 100x", 100.0),
    Claim("messages", "Messages: Kafka → NATS JetStream", "5-10 ms → 0.5-1 ms, 5-10x", 5.0),
)


class Verdict(msgspec.Struct, frozen=True):
    """A claim with its cases, the best first."""

    claim: Claim
    cases: list[Case]

    @property
    def holds(self) -> list[Case]:
        """Return the cases that reach the claimed factor."""
        return [case for case in self.cases if case.factor >= self.claim.factor]

    @property
    def falls_short(self) -> list[Case]:
        """Return the cases that are better than before, but by less."""
        return [case for case in self.cases if 1 <= case.factor < self.claim.factor]

    @property
    def worse(self) -> list[Case]:
        """Return the cases in which the old system was faster."""
        return [case for case in self.cases if case.factor < 1]

    @property
    def says(self) -> str:
        """Return the verdict in a few words."""
        if not self.cases:
            return "not measured"
        if len(self.holds) == len(self.cases):
            return "holds"
        return "holds in part" if self.holds else "does not hold"


def verdicts(cases: Sequence[Case]) -> Iterator[Verdict]:
    """Yield every claim of the guide with its cases."""
    for claim in CLAIMS:
        mine = [case for case in cases if case.claim == claim.key]
        yield Verdict(claim, sorted(mine, key=lambda one: one.factor, reverse=True))
