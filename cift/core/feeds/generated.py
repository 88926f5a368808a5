"""Generated order flow as market data."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count, repeat

from cift.core.feeds.levels import TAKER, LevelBook
from cift.core.feeds.source import Change, FeedError, FileSource, Levels, Progress, Traded
from cift.core.orderflow import FlowEvent, generate
from cift.core.orderflow.generated import Arrivals


class GeneratedSource(FileSource):
    """Flow from a seed, `rate` events a second of each symbol; `events` of each, or without end."""

    def __init__(
        self, symbols: tuple[str, ...], *, arrivals: Arrivals, seed: int, rate: float, events: int, run: str
    ) -> None:
        if not symbols:
            raise FeedError("symbols: found none, expected those that flow is generated for, such as DEMO")
        self._symbols, self._arrivals, self._seed, self._rate, self._events = symbols, arrivals, seed, rate, events
        self.identity = f"{arrivals}-{seed}-{rate:g}-{events}-{run}"
        self._books: dict[str, LevelBook] = {}

    def prepare(self, progress: Progress) -> None:
        """Nothing to read."""

    def changes(self) -> Iterator[Change]:
        """Yield each event of each symbol, by time."""
        self._books = {symbol: LevelBook() for symbol in self._symbols}
        flows = [zip(self._events_of(number), repeat(symbol), count(1)) for number, symbol in enumerate(self._symbols)]
        for event, symbol, seq in heapq.merge(*flows, key=lambda each: each[0].time_ns):
            touched = self._books[symbol].apply(event.kind, event.order_id, event.side, event.price, event.quantity)
            yield Change(event.time_ns, seq, symbol, _trades(event), touched)

    def _events_of(self, number: int) -> Iterator[FlowEvent]:
        return generate(self._events or None, self._seed + number, arrivals=self._arrivals, rate=self._rate)

    def depth(self, symbol: str, levels: int) -> tuple[Levels, Levels]:
        """Return the symbol's best levels."""
        return self._books[symbol].depth(levels)


def _trades(event: FlowEvent) -> tuple[Traded, ...]:
    if event.kind != "execute":
        return ()
    return (Traded(TAKER[event.side], event.price, event.quantity),)
