"""Binance's spot market, live: trades and books from its WebSocket, snapshots from its REST interface.

The book is kept as the exchange describes it ("How to manage a local order book correctly", on the page that
`cift.core.feeds.binance` names): updates are kept from the first one on, a snapshot is asked for, and from there on
each update must follow the last. Where one doesn't, the book is unknown until the next snapshot.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from cift.core.ending import end
from cift.core.feeds.binance import Market, head_of
from cift.core.feeds.metrics import BAD, GAPS, RECONNECTS, REPEATED, SNAPSHOTS
from cift.core.feeds.source import Change, FeedError, Levels, LiveSource
from cift.core.tls import client_context

log = logging.getLogger(__name__)

BACKOFF_S = (0.25, 30.0)
# The exchange sends a depth update of a busy symbol ten times a second, and pings every 20 s.
SILENCE_S = 60.0
# How often a snapshot is asked for until it is new enough; the exchange counts each against a limit.
SNAPSHOT_EVERY_S = 1.0
SNAPSHOT_LEVELS = 1000
_MOST_BYTES = 8 << 20
_T = TypeVar("_T")


class BinanceLive(LiveSource):
    """The books and trades of some symbols."""

    identity = "binance-live"

    def __init__(self, symbols: tuple[str, ...], *, stream_url: str, snapshot_url: str, ca: str = "") -> None:
        if not symbols:
            raise FeedError("symbols: found none, expected the exchange's, such as BTCUSDT")
        self._markets = {symbol: Market(symbol) for symbol in symbols}
        streams = "/".join(f"{symbol.lower()}@{what}" for symbol in symbols for what in ("depth@100ms", "trade"))
        for url in (stream_url, snapshot_url):
            _need_tls(url)
        self._stream_url = f"{stream_url.rstrip('/')}/stream?streams={streams}"
        self._snapshot_url = f"{snapshot_url.rstrip('/')}/api/v3/depth"
        self._trust = client_context(ca, setting="CIFT_FEED_CA") if ca else None
        self._snapshots: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._asking: dict[str, asyncio.Task[None]] = {}

    def depth(self, symbol: str, levels: int) -> tuple[Levels, Levels] | None:
        """Return the symbol's best levels; None while its book isn't known."""
        return self._markets[symbol].depth(levels)

    async def changes(self) -> AsyncIterator[Change]:
        """Yield changes for ever, over as many connections as that takes."""
        wait, longest = BACKOFF_S
        async with httpx.AsyncClient(timeout=10, verify=self._trust or True) as rest:
            while True:
                try:
                    async with self._connect() as stream:
                        log.info("connected to %s", self._stream_url)
                        async for change in self._read(stream, rest):
                            wait = BACKOFF_S[0]  # it works
                            yield change
                except (OSError, WebSocketException, TimeoutError) as error:
                    problem = str(error) or type(error).__name__
                finally:
                    await self._forget()
                RECONNECTS.inc()
                delay = random.uniform(0, wait)  # noqa: S311 (so that many clients don't come back at once)
                log.warning("%s: %s; connecting again in %.1f s", self._stream_url, problem, delay)
                await asyncio.sleep(delay)
                wait = min(longest, wait * 2)

    def _connect(self) -> connect:
        secure = {"ssl": self._trust} if self._trust else {}
        return connect(self._stream_url, max_size=_MOST_BYTES, open_timeout=10, close_timeout=1, **secure)  # type: ignore[arg-type]

    async def _forget(self) -> None:
        """Nothing is known of what happens while nobody listens."""
        await end(*self._asking.values())
        self._asking.clear()
        self._snapshots = asyncio.Queue()
        for market in self._markets.values():
            market.forget()

    async def _read(self, stream: ClientConnection, rest: httpx.AsyncClient) -> AsyncIterator[Change]:
        """Yield what the messages of one connection change; ends with an OSError or a WebSocketException."""
        for symbol in self._markets:
            self._ask(symbol, rest)
        message, snapshot = _task(stream.recv(decode=False)), _task(self._snapshots.get())
        try:
            while True:
                await asyncio.wait((message, snapshot), timeout=SILENCE_S, return_when=asyncio.FIRST_COMPLETED)
                change: Change | None = None
                if snapshot.done():
                    symbol, data = snapshot.result()
                    snapshot = _task(self._snapshots.get())
                    change = self._take(data, rest, symbol)
                elif message.done():
                    change = self._take(message.result(), rest)
                    message = _task(stream.recv(decode=False))
                else:
                    raise TimeoutError(f"nothing came for {SILENCE_S:g} s")
                if change is not None:
                    yield change if change.ts else change._replace(ts=time.time_ns())
        finally:
            await end(message, snapshot)

    def _take(self, data: bytes, rest: httpx.AsyncClient, symbol: str = "") -> Change | None:
        """Take one message; a bad one is counted and changes nothing."""
        try:
            head, about = head_of(data)
            market = self._markets.get(symbol or about)
            if market is None:
                return None
            told = market.take(data, head)
        except FeedError as error:
            BAD.inc()
            log.warning("a message is left out: %s: %.120r", error, data)
            return None  # if it was an update, the next one shows that it is missing
        if told.repeated:
            REPEATED.inc()
        if told.missing:
            GAPS.labels(market.symbol).inc()
            log.warning(
                "%s: %s before this one are missing", market.symbol, "trades" if head.event == "trade" else "updates"
            )
        if not market.whole:
            self._ask(market.symbol, rest)
        return told.change

    def _ask(self, symbol: str, rest: httpx.AsyncClient) -> None:
        """See to it that snapshots are asked for until the book is known."""
        asking = self._asking.get(symbol)
        if asking is None or asking.done():
            self._asking[symbol] = asyncio.create_task(self._fetch(symbol, rest))

    async def _fetch(self, symbol: str, rest: httpx.AsyncClient) -> None:
        while not self._markets[symbol].whole:
            try:
                answer = await rest.get(self._snapshot_url, params={"symbol": symbol, "limit": SNAPSHOT_LEVELS})
                answer.raise_for_status()
                SNAPSHOTS.inc()
                self._snapshots.put_nowait((symbol, answer.content))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                log.warning("%s: no snapshot: %s; asking again", symbol, str(error) or type(error).__name__)
            await asyncio.sleep(SNAPSHOT_EVERY_S)


def _task(work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    return asyncio.create_task(work)


def _need_tls(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme in ("wss", "https"):
        return
    try:
        loopback = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = parts.hostname == "localhost"
    if parts.scheme not in ("ws", "http") or not loopback:
        raise FeedError(f"url: found {url!r}, expected wss:// or https:// (without TLS on loopback alone)")
