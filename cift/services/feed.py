"""The feed: market data from files, from a seed or from an exchange, onto MARKET_DATA.

It knows its source by one interface (`cift.core.feeds.source`). What a file holds is read through before its first
message is published. Of several feeds one has the lease and plays; after a restart it goes on after the last message
that the stream has of the same source.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from nats.aio.msg import Msg

from cift.core.config import Settings
from cift.core.ending import end
from cift.core.feeds.metrics import LAG
from cift.core.feeds.opening import open_source
from cift.core.feeds.pace import Pace
from cift.core.feeds.publisher import Publisher
from cift.core.feeds.source import Change, FeedError, FileSource, LiveSource, Source
from cift.core.lease import SLOW, Lease, acquired, this_process
from cift.core.messages import ServiceStatus, status_subject
from cift.core.nats_manager import NatsManager
from cift.core.notify import notify, ready, working
from cift.core.runtime import InputError, ServiceError, run
from cift.core.serialization import encode
from cift.core.tls import TlsError

log = logging.getLogger("feed")

METRICS_PORT = 8004
PROGRESS_S = 2.0
# When an exchange says nothing for so long, books that wait for their interval are published.
QUIET_S = 0.25
# How often the log tells of a feed that goes on for hours; systemd's status is as new as PROGRESS_S.
TOLD_S = 60.0

HELP = """
sources (--source, or CIFT_FEED_SOURCE):
  lobster            a message file, with the orderbook file beside it if there is one; needs --symbols AAPL
  itch               NASDAQ TotalView-ITCH 5.0, a whole day from its beginning; --symbols chooses some stocks
  binance            recorded spot streams (depth, trade) with their snapshot, a message a line
  csv                rows of ts,symbol,side,price,quantity or of ts,symbol,bid,bid_quantity,ask,ask_quantity
  zero_intelligence  flow from --seed, arrivals by a Poisson process of --rate a second; needs --symbols
  hawkes             the same, each event bringing on others for a while
  binance_live       the exchange itself: its websocket, and snapshots by REST; needs --symbols BTCUSDT
Files may end in .gz. Each option is a setting too (CIFT_FEED_SPEED for --speed), and a host has them in
/etc/cift/cift.env; NATS_URL and NATS_NKEY_SEED say where MARKET_DATA is and who publishes there.

examples:
  python -m cift.services.feed --source hawkes --symbols DEMO --rate 500
  python -m cift.services.feed --source lobster --symbols AAPL --path AAPL_2012-06-21_34200000_57600000_message_10.csv
  python -m cift.services.feed --source itch --path 01302020.NASDAQ_ITCH50.gz --speed 10 --prefix N-
  python -m cift.services.feed --source binance_live --symbols BTCUSDT,ETHUSDT

Played once, a file is not played again by another start: what the stream has of it is passed over. --run 2 plays it
once more. Exit status: 0 played to the end or stopped, 1 failed, 2 a bad setting or a bad file (nothing was published).
"""


def options(parser: argparse.ArgumentParser) -> None:
    """Add the feed's settings that are given by hand."""
    parser.epilog, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    about = {
        "source": "what to play, see below",
        "path": "the file",
        "symbols": "comma separated",
        "prefix": "put before each symbol",
        "date": "the day of a file that counts from midnight, 2026-11-27",
        "zone": "the zone of that midnight",
        "speed": "times as fast as it was; 0: without waiting",
        "clock": "times of messages: now, or the source's own (source)",
        "run": "another word plays the same source once more",
        "seed": "of generated flow",
        "rate": "arrivals a second of generated flow",
        "events": "how many are generated; 0: without end",
        "levels": "levels of a book",
        "book-ms": "least milliseconds between two books; 0: one for each change",
        "stream-url": "the exchange's websocket",
        "snapshot-url": "its REST interface",
        "ca": "whom to trust there, a file",
    }
    for name, meaning in about.items():
        parser.add_argument(f"--{name}", dest=f"feed_{name.replace('-', '_')}", help=meaning, metavar="VALUE")
    parser.add_argument(
        "--stay", dest="feed_stay", action="store_const", const=True,
        help="when the source is over, wait to be stopped (as under systemd)",
    )  # fmt: skip


class Feed:
    """One source and the publisher of what it tells."""

    def __init__(self, source: Source, publisher: Publisher) -> None:
        self._source, self._publisher = source, publisher
        self.changes = 0
        self._began = self._told = self._noticed = time.monotonic()

    async def play(self, stop: asyncio.Event) -> bool:
        """Publish until the source ends or `stop`; return whether it ended."""
        self._began = self._told = self._noticed = time.monotonic()
        if isinstance(self._source, LiveSource):
            async for change in _until(self._source.changes(), stop):
                if change is None:
                    await self._publisher.show(stop)
                else:
                    await self._publisher.take(change, stop)
                    LAG.set(max(0.0, time.time() - change.ts / 1e9))
                    await self._count()
                await self._publisher.flush()
        elif isinstance(self._source, FileSource):
            for change in self._source.changes():
                await self._publisher.take(change, stop)
                if self._publisher.full:
                    await self._publisher.flush()
                await self._count()
                if stop.is_set():
                    return False
        if not stop.is_set():
            await self._publisher.show(stop)
        return not stop.is_set()

    async def _count(self) -> None:
        self.changes += 1
        if self.changes % 256:
            return
        await asyncio.sleep(0)
        if time.monotonic() - self._noticed > PROGRESS_S:
            self._noticed = time.monotonic()
            self._tell()

    def _tell(self) -> None:
        notify(f"STATUS={self.where()}")
        if sys.stderr.isatty() or time.monotonic() - self._told > TOLD_S:
            self._told = time.monotonic()
            log.info("%s", self.where())

    def where(self) -> str:
        """Return how far it is, for people."""
        seconds = max(1e-9, time.monotonic() - self._began)
        known = f", {self._publisher.skipped} were there already" if self._publisher.skipped else ""
        return (
            f"{self.changes} changes, {self._publisher.published} messages in {seconds:.1f} s "
            f"({self._publisher.published / seconds:.0f}/s){known}"
        )


async def _until(changes: AsyncIterator[Change], stop: asyncio.Event) -> AsyncIterator[Change | None]:
    """Pass changes on until `stop`; None says that none has come for a while."""
    stopping = asyncio.create_task(stop.wait())
    upcoming = asyncio.ensure_future(anext(changes))
    try:
        while not stop.is_set():
            await asyncio.wait((upcoming, stopping), timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
            if upcoming.done():
                yield upcoming.result()
                upcoming = asyncio.ensure_future(anext(changes))
            else:
                yield None
    finally:
        await end(upcoming, stopping)


class _Stopped(Exception):
    """There is no more need to go on reading."""


async def _prepare(source: FileSource, stop: asyncio.Event) -> None:
    """Read through a file, telling how far it is, until `stop`."""
    told = time.monotonic()

    def progress(part: float) -> None:
        nonlocal told
        if stop.is_set():
            raise _Stopped
        if time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            text = "reading through the file" + ("" if math.isnan(part) else f": {part:.0%}")
            working(text)
            log.info("%s", text)

    with suppress(_Stopped):
        await asyncio.to_thread(source.prepare, progress)


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Read, wait for the lease, and play until the end or `stop`."""
    try:
        source = open_source(settings)
        if isinstance(source, FileSource):
            await _prepare(source, stop)
    except (FeedError, TlsError) as error:
        raise InputError(str(error)) from None
    if stop.is_set():
        return
    live = isinstance(source, LiveSource)
    pace = Pace(0.0 if live else settings.feed_speed, "source" if live else settings.feed_clock)
    async with NatsManager(settings, name="cift-feed") as nats:
        publisher = Publisher(
            nats, source, pace,
            levels=settings.feed_levels, book_ms=settings.feed_book_ms, prefix=settings.feed_prefix,
        )  # fmt: skip
        feed = Feed(source, publisher)

        async def answer(message: Msg) -> None:
            status = ServiceStatus(service="feed", position=feed.changes, lag=publisher.unproven)
            await message.respond(encode(status))

        await nats.subscribe(status_subject("feed"), answer)
        async with Lease(nats, "feed", this_process(), **SLOW) as lease:
            ready("standing by")
            log.info("standing by with %s", source.identity)
            if await acquired(lease, stop):
                await _play(feed, publisher, lease, stop)
                if settings.feed_stay and not stop.is_set():
                    notify("STATUS=played to the end; another CIFT_FEED_RUN plays it again")
                    await stop.wait()
    log.info("stopped")


async def _play(feed: Feed, publisher: Publisher, lease: Lease, stop: asyncio.Event) -> None:
    ending = asyncio.Event()

    async def pass_on(reason: asyncio.Event) -> None:
        await reason.wait()
        ending.set()

    watching = [asyncio.create_task(pass_on(reason)) for reason in (stop, lease.lost)]
    try:
        await publisher.open()
        ready("playing")
        log.info("ready")
        ended = await feed.play(ending)
        stored = await publisher.close()
    except ValueError as error:
        raise InputError(str(error)) from None
    finally:
        await end(*watching)
    if lease.lost.is_set():
        raise ServiceError("another feed has taken over; this one stands by when it is started again")
    log.info("%s: %s", "played to the end" if ended else "stopped on the way", feed.where())
    if not stored:
        raise ServiceError("NATS didn't say that it has everything; the rest is published by the next start")


if __name__ == "__main__":
    sys.exit(
        run("feed", "The feed: market data from files, from a seed or from an exchange.", METRICS_PORT, work, options)
    )
