"""The books that the market sees: the newest of each symbol, not each one of them.

A book after every command is more bytes than all else that the engine says, and nobody reads ten thousand a second. So
a book that changes again within `EVERY_S` is told once, at the end of it; one that changes now and then, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cift_core.nats import publish_burst
from nats.errors import Error

from cift.core.matching import Matcher
from cift.core.nats_manager import NatsManager
from cift.core.serialization import stream_encoder

DEPTH = 50
EVERY_S = 0.005


class Books:
    """Publishes a matcher's books on `market.book.<SYMBOL>`."""

    def __init__(self, nats: NatsManager, later: Callable[[], None]) -> None:
        """`later` is called where books wait to be told: `show` again, soon after."""
        self._nats, self._later = nats, later
        self._encode = stream_encoder(nats.settings.stream_format)
        self.ts = 0
        """The time of the last command decided, in nanoseconds since 1970; 0 before the first."""
        self._shown_at = -EVERY_S
        self._timer: asyncio.TimerHandle | None = None

    async def show(self, matcher: Matcher, *, now: bool = False) -> None:
        """Tell the books that changed, if it is time, or `now`."""
        if not matcher.touched or not self._nats.connected:
            return  # they stay marked
        loop = asyncio.get_running_loop()
        wait = self._shown_at + EVERY_S - loop.time()
        if wait > 0 and not now:
            if self._timer is None:
                self._timer = loop.call_later(wait, self._due)
            return
        self._shown_at = loop.time()
        touched, matcher.touched = matcher.touched, set()
        looks = [(each, matcher.book(each, self.ts, DEPTH)) for each in sorted(touched)]
        books = [(f"market.book.{symbol}", self._encode(book)) for symbol, book in looks]
        client = self._nats.client
        try:
            if client.quick:
                client.send_burst(publish_burst([(0, subject, "", data) for subject, data in books], "", False))
                return
            for subject, data in books:
                await client.publish(subject, data)
        except (Error, OSError):
            matcher.touched |= touched  # the connection broke just now

    def _due(self) -> None:
        self._timer = None
        self._later()

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
