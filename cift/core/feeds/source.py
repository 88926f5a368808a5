"""What every source of market data offers: changes in order, and the books as they are after the last one.

An adapter for another exchange is a `LiveSource`: it yields what changed, keeps the books, and mends its connection by
itself. Who publishes (`cift.core.feeds.publisher`) knows nothing of any exchange.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple

from cift.core.messages import Side

Levels = tuple[tuple[float, float], ...]
Progress = Callable[[float], None]
"""Hears which part is done, from 0 to 1."""


class FeedError(ValueError):
    """What should be market data is none; the message says where, what was found and what was expected."""


class Traded(NamedTuple):
    """A trade: `side` is the taker's."""

    side: Side
    price: float
    quantity: float


class Change(NamedTuple):
    """Something that happened to a symbol at `ts` (nanoseconds since 1970, or since the start of generated flow).

    `seq` is the source's own number, which grows with each of the symbol's changes of a kind, and is the same when the
    source is read again. `touched`: its book looks different now.
    """

    ts: int
    seq: int
    symbol: str
    trades: tuple[Traded, ...] = ()
    touched: bool = True


class Source(ABC):
    """Where market data comes from."""

    identity: str
    """Names what is read: the same for the same changes, another for others."""

    @abstractmethod
    def depth(self, symbol: str, levels: int) -> tuple[Levels, Levels] | None:
        """Return the best bids and asks, best first, as they are after the last change; None while not known."""


class FileSource(Source):
    """Changes that are all there: a recorded file, or flow made from a seed."""

    @abstractmethod
    def prepare(self, progress: Progress) -> None:
        """Read through everything once, so that nothing of bad input is ever published.

        Raises:
            FeedError: something can't be read, with file and line or offset.
        """

    @abstractmethod
    def changes(self) -> Iterator[Change]:
        """Yield the changes from the first one on, each time anew."""


class LiveSource(Source):
    """Changes as an exchange tells them."""

    @abstractmethod
    def changes(self) -> AsyncIterator[Change]:
        """Yield changes for ever; a lost connection, a gap or a bad message is mended, counted and logged.

        After a gap the next change of the symbol comes when its whole book is known again.
        """
