"""Changes onto MARKET_DATA: every trade, and books and best prices at most once in an interval; nothing twice.

A message's id is the source's identity and the change's number. Where a stream already ends for a symbol is asked
before its first message: an earlier run of the same source may have come further than the server remembers ids for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nats.errors import Error
from nats.js.errors import NotFoundError

from cift.core.feeds.metrics import MESSAGES, SKIPPED
from cift.core.feeds.pace import Pace
from cift.core.feeds.source import Change, Levels, Source
from cift.core.feeds.symbols import check_symbol
from cift.core.messages import BookUpdate, Quote, Trade
from cift.core.nats_manager import NatsManager
from cift.core.outbox import BURST, Outbox, Outgoing
from cift.core.serialization import MessageError, decode_market_data, decode_quote, stream_encoder
from cift.core.streams import MARKET_DATA

_KINDS = ("trades", "book", "ticks")
_ASK_AGAIN_S = 0.2
_MILLISECOND = 1_000_000
Place = tuple[int, int]


@dataclass(slots=True)
class _Told:
    """What the stream has of a symbol: the last of ours by kind, and what our numbers begin after.

    A number of another source is never reached by ours: readers take what has a lower one for something old.
    """

    last: dict[str, Place]
    after: int = 0


class Publisher:
    """One source's changes, in order; `open`, `take`, `flush`, `close`."""

    def __init__(
        self, nats: NatsManager, source: Source, pace: Pace, *, levels: int, book_ms: int, prefix: str = ""
    ) -> None:
        self._nats, self._source, self._pace = nats, source, pace
        self._encode = stream_encoder(nats.settings.stream_format)
        self._levels, self._interval_ns, self._prefix = levels, book_ms * _MILLISECOND, prefix
        self._outbox = Outbox(nats, MARKET_DATA.name, chained=False)
        self._told: dict[str, _Told] = {}
        self._touched: dict[str, Change] = {}
        self._best: dict[str, tuple[Levels, Levels]] = {}
        self._shown_ns: int | None = None
        self._waiting: list[Outgoing] = []
        self._number = 0
        self.published = self.skipped = 0

    @property
    def unproven(self) -> int:
        """Return how many messages are not yet known to be stored."""
        return self._outbox.unproven

    async def open(self) -> None:
        """Begin to listen for acknowledgements."""
        await self._outbox.open()

    async def close(self) -> bool:
        """Send what is left; return whether all is stored."""
        await self.flush()
        return await self._outbox.close()

    async def take(self, change: Change, stop: asyncio.Event) -> None:
        """Publish what a change says when it is due.

        Raises:
            ValueError: prefix and symbol together are none.
        """
        if change.symbol not in self._told:
            self._told[change.symbol] = await self._ask(self._prefix + change.symbol)
        if change.touched:
            self._touched[change.symbol] = change
        for position, (side, price, quantity) in enumerate(change.trades):
            if not self._is_new("trades", change, position):
                continue
            if not await self._due(change.ts, stop):
                return
            symbol, seq, ts = self._named(change)
            trade = Trade(symbol=symbol, ts=ts, seq=seq, pos=position, side=side, price=price, quantity=quantity)
            self._add("trades", change, position, trade)
        if self._shown_ns is None:
            self._shown_ns = change.ts
        elif change.ts - self._shown_ns < self._interval_ns:
            return
        if self._touched:
            self._shown_ns = change.ts
            await self.show(stop)

    async def show(self, stop: asyncio.Event) -> None:
        """Publish the books that look different now."""
        touched, self._touched = self._touched, {}
        for symbol, change in touched.items():
            best = self._source.depth(symbol, 1)
            if best is None:
                continue  # its book isn't known: it comes again as a whole
            moved, self._best[symbol] = best != self._best.get(symbol), best
            new_best, new_book = moved and self._is_new("ticks", change, 0), self._is_new("book", change, 0)
            if not (new_best or new_book):
                continue
            if not await self._due(change.ts, stop):
                return
            name, seq, ts = self._named(change)
            if new_best:
                self._add("ticks", change, 0, _quote(name, seq, ts, *best))
            if new_book:
                bids, asks = self._source.depth(symbol, self._levels) or ((), ())
                self._add("book", change, 0, BookUpdate(symbol=name, ts=ts, seq=seq, bids=bids, asks=asks))

    def _named(self, change: Change) -> tuple[str, int, int]:
        """Return symbol, number and time as they are published."""
        return (
            self._prefix + change.symbol,
            self._told[change.symbol].after + change.seq,
            self._pace.stamp(change.ts),
        )

    def _is_new(self, kind: str, change: Change, position: int) -> bool:
        if (change.seq, position) > self._told[change.symbol].last.get(kind, (-1, -1)):
            return True
        self.skipped += 1
        SKIPPED.inc()
        return False

    async def _due(self, ts: int, stop: asyncio.Event) -> bool:
        """Wait until `ts` is due, with nothing kept back; return whether to go on."""
        if self._waiting and self._pace.ahead(ts):
            await self.flush()
        await self._pace.wait(ts, stop)
        return not stop.is_set()

    def _add(self, kind: str, change: Change, position: int, message: Trade | BookUpdate | Quote) -> None:
        self._number += 1
        self._waiting.append(
            Outgoing(
                self._number,
                f"market.{kind}.{message.symbol}",
                ":".join((self._source.identity, message.symbol, kind, str(change.seq), str(position))),
                self._encode(message),
            )
        )
        MESSAGES.labels(kind).inc()

    async def flush(self) -> None:
        """Send what is waiting to be sent together."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            await self._outbox.send(waiting)
            self.published += len(waiting)

    @property
    def full(self) -> bool:
        """Whether enough is waiting to be sent together."""
        return len(self._waiting) >= BURST

    async def _ask(self, symbol: str) -> _Told:
        """Find out where the stream ends for a symbol; waits for as long as nobody answers."""
        check_symbol(symbol)
        while True:
            try:
                return await self._look(symbol)
            except (Error, OSError, TimeoutError):
                await asyncio.sleep(_ASK_AGAIN_S)

    async def _look(self, symbol: str) -> _Told:
        told, foreign = _Told({}), 0
        ours: int | None = None
        for kind in _KINDS:
            try:
                last = await self._nats.js.get_last_msg(MARKET_DATA.name, f"market.{kind}.{symbol}")
            except NotFoundError:
                continue
            try:
                seq = (decode_quote if kind == "ticks" else decode_market_data)(last.data or b"").seq
            except MessageError:
                continue  # nobody reads it: its number is in nobody's way
            match (last.headers or {}).get("Nats-Msg-Id", "").split(":"):
                case [self._source.identity, _, _, number, position]:
                    told.last[kind] = int(number), int(position)
                    ours = seq - int(number)
                case _:
                    foreign = max(foreign, seq)
        told.after = foreign if ours is None else ours
        return told


def _quote(symbol: str, seq: int, ts: int, bids: Levels, asks: Levels) -> Quote:
    (bid, bid_quantity), (ask, ask_quantity) = (side[0] if side else (None, None) for side in (bids, asks))
    return Quote(
        symbol=symbol, ts=ts, seq=seq, bid=bid, bid_quantity=bid_quantity, ask=ask, ask_quantity=ask_quantity
    )  # fmt: skip
