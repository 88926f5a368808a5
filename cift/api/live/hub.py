"""Between the streams and the connections of one worker: each stream is read once, however many listen.

A channel is read from its first listener's arrival to its last one's leaving, in the stream's order, nothing left out
and nothing twice, over lost connections and restarted servers (see `StreamReader`). A message is encoded once for all
who listen; none of them can make the others wait, for all that a listener does with it is to put it into its queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol

import msgspec
from nats.errors import Error as NatsError

from cift.api.live.depth import delta_of
from cift.api.live.messages import Channel, OwnOrder, RefusedError, Subscribed, snapshot_of, trade_of
from cift.api.live.own import shown_to
from cift.core.cache import Cache, CacheUnavailableError
from cift.core.ending import end
from cift.core.messages import BookUpdate, Trade
from cift.core.nats_manager import NatsManager
from cift.core.serialization import MessageError, decode_event, decode_market_data, encode
from cift.core.shards import all_shards
from cift.core.stream_reader import Stored, StreamReader
from cift.core.streams import MARKET_DATA

log = logging.getLogger(__name__)

# A channel's name, with the symbol whose book or trades it is, or the account whose orders.
Topic = tuple[Channel, str | int]
# Told before the listeners' senders have their turn; far less than a listener's queue holds.
BATCH = 128


class Listener(Protocol):
    """Who listens; must not wait, and must not fail."""

    def offer(self, text: str) -> None:
        """Take a message."""

    def close(self, code: int, reason: str) -> None:
        """Be told that nothing more will come."""


class _Source(NamedTuple):
    stream: str
    subject: str


def _sources(shards: int) -> dict[Channel, list[_Source]]:
    """Return what each channel is read from; an account's orders may be of any shard."""
    return {
        "book": [_Source(MARKET_DATA.name, "market.book.>")],
        "trades": [_Source(MARKET_DATA.name, "market.trades.>")],
        "orders": [_Source(shard.stream, shard.event_subject(">")) for shard in all_shards(shards)],
    }


@dataclass(slots=True)
class _Room:
    """Those who listen to one topic, and the number of its last message."""

    number: int = 0
    listeners: set[Listener] = field(default_factory=set)

    def tell(self, make: Callable[..., msgspec.Struct]) -> None:
        """Count and encode one message, and hand it to everybody."""
        self.number += 1
        text = encode(make(number=self.number)).decode()
        for listener in tuple(self.listeners):
            listener.offer(text)


class Hub:
    """Rooms by topic, and readers for each channel that anybody listens to."""

    def __init__(self, nats: NatsManager, cache: Cache, shards: int = 1) -> None:
        self._nats, self._cache, self._sources = nats, cache, _sources(shards)
        self._rooms: dict[Topic, _Room] = {}
        self._reading: dict[Channel, list[asyncio.Task[None]]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()
        self._books: dict[str, BookUpdate] = {}
        self._losses = nats.losses
        self._take: dict[Channel, Callable[[Stored], None]] = {
            "book": self._on_book,
            "trades": self._on_trade,
            "orders": self._on_event,
        }

    async def join(self, topic: Topic, listener: Listener) -> None:
        """Tell `listener` where the topic stands, and then everything that happens.

        Raises:
            RefusedError: what is behind it can't be reached.
        """
        channel, key = topic
        stored = await self._stored_book(str(key)) if channel == "book" else None
        await self._open(channel)
        # From here on nothing waits: no message falls between where it stands and what follows.
        room = self._rooms.setdefault(topic, _Room())
        room.listeners.add(listener)
        symbol = None if channel == "orders" else str(key)
        listener.offer(encode(Subscribed(channel=channel, symbol=symbol, number=room.number)).decode())
        if stored is not None:
            book = self._books.get(stored.symbol, stored)
            listener.offer(encode(snapshot_of(book, room.number)).decode())

    def leave(self, topic: Topic, listener: Listener) -> None:
        """Tell `listener` no more of it."""
        room = self._rooms.get(topic)
        if room is None:
            return
        room.listeners.discard(listener)
        if not room.listeners:
            del self._rooms[topic]
        if not any(channel == topic[0] for channel, _ in self._rooms):
            self._stop(topic[0])

    async def close(self) -> None:
        """Read no more."""
        for channel in list(self._reading):
            self._stop(channel)
        await end(*self._leaving)

    def _stop(self, channel: Channel) -> None:
        for reading in self._reading.pop(channel, []):
            reading.cancel()
        if channel == "book":
            self._books.clear()

    async def _stored_book(self, symbol: str) -> BookUpdate:
        """Return the cache's book: all there is of one that was not touched since the stream forgot it."""
        if (book := self._books.get(symbol)) is not None:
            return book
        try:
            book = await self._cache.get_book(symbol)
        except CacheUnavailableError as error:
            log.warning("book %s: %s", symbol, error)
            raise RefusedError("channel", "can't be read now; try again", "unavailable") from None
        return book or BookUpdate(symbol=symbol, seq=0, ts=0, bids=(), asks=())

    async def _open(self, channel: Channel) -> None:
        """Have the channel read from this moment on; a book from its newest state on."""
        async with self._opening:
            if channel in self._reading:
                return
            sources, newest = self._sources[channel], channel == "book"
            starts = [1] * len(sources)
            try:
                await self._nats.ping()
                if not newest:
                    infos = await asyncio.gather(*(self._nats.js.stream_info(source.stream) for source in sources))
                    starts = [info.state.last_seq + 1 for info in infos]
            except (NatsError, OSError) as error:
                log.warning("%s: %s", channel, str(error) or type(error).__name__)
                raise RefusedError("channel", "can't be read now; try again", "unavailable") from None
            tasks = self._reading[channel] = []
            for (stream, subject), start in zip(sources, starts, strict=True):
                reader = StreamReader(self._nats, stream, start=start, subject=subject, newest=newest)
                task = asyncio.create_task(self._read(channel, reader))
                tasks.append(task)
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)

    async def _read(self, channel: Channel, reader: StreamReader) -> None:
        try:
            async with reader:
                while batch := await reader.next(BATCH):
                    if channel == "book":
                        self._doubt()
                    for stored in batch:
                        try:
                            self._take[channel](stored)
                        except MessageError as error:
                            log.error("%s %d: %s", stored.subject, stored.seq, error)
                    await asyncio.sleep(0)
        except Exception:
            log.exception("%s can't be read any more", channel)
            for topic, room in list(self._rooms.items()):
                if topic[0] == channel:
                    for listener in tuple(room.listeners):
                        listener.close(1011, "internal error")

    def _doubt(self) -> None:
        """Start every book anew after a lost connection; the reader brings the newest state of each."""
        if self._losses != self._nats.losses:
            self._losses = self._nats.losses
            self._books.clear()

    def _on_book(self, stored: Stored) -> None:
        book = decode_market_data(stored.data)
        if not isinstance(book, BookUpdate):
            return
        before = self._books.get(book.symbol)
        self._books[book.symbol] = book
        if (room := self._rooms.get(("book", book.symbol))) is None:
            return
        if before is None or book.seq <= before.seq:
            # Not known yet, or said again: the engine was restarted, or the streams were restored.
            room.tell(partial(snapshot_of, book))
        else:
            room.tell(partial(delta_of, before, book))

    def _on_trade(self, stored: Stored) -> None:
        trade = decode_market_data(stored.data)
        if isinstance(trade, Trade) and (room := self._rooms.get(("trades", trade.symbol))) is not None:
            room.tell(partial(trade_of, trade))

    def _on_event(self, stored: Stored) -> None:
        for account, event in shown_to(decode_event(stored.data)):
            if (room := self._rooms.get(("orders", account))) is not None:
                # What a request of somebody else did to the account's orders doesn't name that request.
                correlation = stored.correlation if event.order_id == event.seq else ""
                room.tell(partial(OwnOrder, event=event, correlation_id=correlation))
