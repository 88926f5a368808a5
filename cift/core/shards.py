"""Which of several engines decides what.

The journal stays one, in one order: every engine reads all of it and decides what is its own shard's. An instrument is
of the shard that its name gives; whoever writes commands needs to know nothing of it. What staff decide about risk
holds for every shard from its place in the journal on: each engine carries it out, and shard 0 says what became of it.

With one shard everything has the names that it had before there were any.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

MOST_SHARDS = 64
NUMBERS = 1 << 44
"""So many numbers has each shard for its events: all of them stay below 2^53, which JSON keeps exact."""

_JOURNAL = "orders."
_INSTRUMENTS = "_set."
_SESSIONS = "_session."


def shard_of(symbol: str, shards: int) -> int:
    """Return the shard that decides an instrument's orders: the CRC-32 of its name in UTF-8, modulo their number."""
    return crc32(symbol.encode()) % shards if shards > 1 else 0


def home_of(place: str, shards: int) -> int:
    """Return the shard that says what became of a command.

    `place` is what its subject has behind `orders.`: a symbol, or what stands in its place.
    """
    for prefix in (_SESSIONS, _INSTRUMENTS):
        if place.startswith(prefix) and not place.startswith("_", len(prefix)):
            return shard_of(place.removeprefix(prefix), shards)
    return 0 if place.startswith("_") else shard_of(place, shards)


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard `number`, counted from 0, of `count`."""

    number: int = 0
    count: int = 1

    def owns(self, symbol: str) -> bool:
        """Return whether an instrument's orders are decided here."""
        return self.count == 1 or crc32(symbol.encode()) % self.count == self.number

    def reads(self, subject: str) -> bool:
        """Return whether a message of the journal is any business of ours; its subject alone tells."""
        if self.count == 1:
            return True
        place = subject[len(_JOURNAL) :]
        # All that is no order and no step of an instrument's day holds everywhere, instruments' grids among it.
        return self.tells(subject) if place.startswith(_SESSIONS) or not place.startswith("_") else True

    def tells(self, subject: str) -> bool:
        """Return whether we say what became of it."""
        return self.count == 1 or home_of(subject[len(_JOURNAL) :], self.count) == self.number

    def __str__(self) -> str:
        """Return what an engine says that it is: who expects another number of shards finds out."""
        return "engine" if self.count == 1 else f"engine {self.number} of {self.count}"

    @property
    def suffix(self) -> str:
        """What names have that are ours alone."""
        return "" if self.count == 1 else f".{self.number}"

    @property
    def service(self) -> str:
        """The engine's name, of its lease and where it is asked how it is."""
        return f"engine{self.suffix}"

    @property
    def usage_subject(self) -> str:
        """The subject on which the engine answers to an account's number with its `RiskUsage`."""
        return f"status.risk{self.suffix}"

    @property
    def stream(self) -> str:
        """The stream of our events."""
        return "EVENTS" if self.count == 1 else f"EVENTS_{self.number}"

    def event_subject(self, symbol: str) -> str:
        """Return the subject of a symbol's events, or of what stands in a symbol's place."""
        return f"events{self.suffix}.{symbol}"

    @property
    def numbers(self) -> range:
        """The numbers that our events have outside of their stream; the first one is nobody's."""
        return range(self.number * NUMBERS, (self.number + 1) * NUMBERS)


WHOLE = Shard()
"""The one shard where there is one."""


def all_shards(count: int) -> list[Shard]:
    """Return every one of `count` shards."""
    return [Shard(number, count) for number in range(count)]


def home(place: str, count: int) -> Shard:
    """Return `home_of` as a shard."""
    return Shard(home_of(place, count), count)
