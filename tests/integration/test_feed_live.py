"""The live adapter against an exchange on loopback: gaps, repetitions, bad messages, cut connections."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cift.core.feeds import Change, binance_live
from cift.core.feeds.binance_live import BinanceLive
from cift.core.feeds.metrics import BAD, GAPS, RECONNECTS, REPEATED
from cift.core.messages import BookUpdate, Trade
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_market_data
from cift.core.streams import MARKET_DATA, ensure_streams
from tests.servers.exchange import SYMBOL, Exchange
from tests.servers.nats import NatsServer
from tests.servers.services import Service


class Listener:
    """Collects what the adapter yields."""

    def __init__(self, exchange: Exchange) -> None:
        self.live = BinanceLive((SYMBOL,), stream_url=exchange.url, snapshot_url=exchange.snapshot_url)
        self.changes: list[Change] = []
        self._task = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        async for change in self.live.changes():
            self.changes.append(change)

    def trades(self) -> list[int]:
        return [change.seq for change in self.changes if change.trades]

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not happened():
                assert not self._task.done(), self._task.exception()
                await asyncio.sleep(0.01)

    async def equal(self, exchange: Exchange) -> None:
        """Wait until the book is the exchange's."""
        bids, asks = exchange.levels()
        await self.until(lambda: self.live.depth(SYMBOL, 1000) == (tuple(bids), tuple(asks)))

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def exchange(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Exchange]:
    monkeypatch.setattr(binance_live, "BACKOFF_S", (0.02, 0.1))
    monkeypatch.setattr(binance_live, "SNAPSHOT_EVERY_S", 0.05)
    async with Exchange() as running:
        yield running


@pytest.fixture
async def listener(exchange: Exchange) -> AsyncIterator[Listener]:
    listening = Listener(exchange)
    await exchange.listened()
    yield listening
    await listening.close()


def value(metric: object) -> float:
    return float(metric._value.get())  # type: ignore[attr-defined]


async def test_a_snapshot_and_what_follows_it(exchange: Exchange, listener: Listener) -> None:
    await exchange.send(exchange.update(bids={"99.50": "3.0"}))
    await listener.equal(exchange)
    await exchange.send(exchange.update(bids={"100.00": "0.0"}, asks={"100.50": "1.5"}))
    await exchange.send(exchange.trade("100.50", "0.5"))
    await exchange.send(exchange.trade("99.50", "0.25", buyer_is_maker=True))
    await listener.equal(exchange)
    await listener.until(lambda: len(listener.trades()) == 2)
    sides = [change.trades[0].side for change in listener.changes if change.trades]
    assert sides == ["buy", "sell"]
    assert exchange.snapshots == 1
    books = [change for change in listener.changes if change.touched]
    assert [change.seq for change in books] == sorted(change.seq for change in books)
    assert all(change.ts > 10**18 for change in listener.changes)


async def test_updates_before_a_late_snapshot_are_kept(exchange: Exchange) -> None:
    exchange.answering = False
    listener = Listener(exchange)
    await exchange.listened()
    for price in ("99.00", "98.00", "97.00"):
        await exchange.send(exchange.update(bids={price: "1.0"}))
    await asyncio.sleep(0.2)
    assert listener.live.depth(SYMBOL, 5) is None
    assert not listener.changes
    exchange.answering = True
    await exchange.send(exchange.update(bids={"96.00": "1.0"}))
    await listener.equal(exchange)
    await listener.close()


async def test_a_gap_is_found_and_mended(exchange: Exchange, listener: Listener) -> None:
    await exchange.send(exchange.update())
    await listener.equal(exchange)
    gaps = value(GAPS.labels(SYMBOL))
    exchange.update(bids={"99.75": "9.0"})  # never sent
    await exchange.send(exchange.update(asks={"101.25": "1.0"}))
    await listener.equal(exchange)
    assert value(GAPS.labels(SYMBOL)) == gaps + 1
    assert exchange.snapshots >= 2
    assert exchange.connections == 1


async def test_what_comes_again_changes_nothing(exchange: Exchange, listener: Listener) -> None:
    update = exchange.update(bids={"99.00": "1.0"})
    trade = exchange.trade("101.00", "1.0")
    await exchange.send(update)
    await listener.equal(exchange)
    await exchange.send(exchange.update(bids={"98.00": "1.0"}))
    await listener.equal(exchange)
    repeated, books = value(REPEATED), len(listener.changes)
    for text in (trade, update, trade, update):
        await exchange.send(text)
    await listener.until(lambda: value(REPEATED) == repeated + 3)
    assert listener.trades() == [501]
    assert len(listener.changes) == books + 1


async def test_bad_messages_are_left_out(exchange: Exchange, listener: Listener) -> None:
    await exchange.send(exchange.update())
    await listener.equal(exchange)
    bad = value(BAD)
    good = exchange.trade("101.00", "1.0")
    spoiled = ["", "{", "[]", '{"e":1}', good.replace('"101.00"', '"ten"'), good.replace('"1.0"', '"0"')]
    lost = exchange.update(bids={"99.00": "1.0"}).replace('"1.0"', '"-1.0"')
    for text in (*spoiled, lost):
        await exchange.send(text)
    await exchange.send(good)
    await listener.until(lambda: listener.trades() == [501])
    assert value(BAD) == bad + 7
    assert exchange.connections == 1
    # An update that couldn't be read is one that is missing, and is found by the next.
    await exchange.send(exchange.update(bids={"98.00": "1.0"}))
    await listener.equal(exchange)
    await exchange.send('{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT"}}')
    await exchange.send('{"result":null,"id":1}')
    await exchange.send(exchange.update(bids={"97.00": "1.0"}))
    await listener.equal(exchange)


async def test_a_cut_connection_is_made_again(exchange: Exchange, listener: Listener) -> None:
    await exchange.send(exchange.update())
    await exchange.send(exchange.trade("101.00", "1.0"))
    await listener.equal(exchange)
    await listener.until(lambda: listener.trades() == [501])
    lost = value(RECONNECTS)
    for connections in (2, 3):
        await exchange.cut()
        # Not "until it has no book": it may have the next one before anybody looks.
        await listener.until(lambda: value(RECONNECTS) == lost + connections - 1)  # noqa: B023
        exchange.update(bids={f"{90 + connections}.00": "1.0"})  # while nobody listens
        exchange.trade("101.00", "1.0")
        await exchange.listened(connections)
        await exchange.send(exchange.update(bids={"80.00": "1.0"}))
        await exchange.send(exchange.trade("101.00", "1.0"))
        await listener.equal(exchange)
    await listener.until(lambda: listener.trades() == [501, 503, 505])
    assert value(RECONNECTS) == lost + 2


async def test_silence_ends_a_connection(
    exchange: Exchange, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    await exchange.send(exchange.update())
    await listener.equal(exchange)
    monkeypatch.setattr(binance_live, "SILENCE_S", 0.1)
    await exchange.send(exchange.update())
    await exchange.listened(2)


async def test_random_trouble_never_leaves_a_wrong_book(exchange: Exchange, listener: Listener) -> None:
    """Every book that is told is one that the exchange had."""
    import random

    chance = random.Random(7)
    had = {exchange.last: exchange.levels()}
    seen: list[tuple[int, object]] = []
    for step in range(400):
        price, size = f"{chance.randint(90, 100)}.{chance.randint(0, 99):02}", f"{chance.randint(0, 3)}.0"
        known = size != "0.0" or price in exchange.bids
        text = exchange.update(bids={price: size} if known else None)
        had[exchange.last] = exchange.levels()
        draw = chance.random()
        if draw < 0.85:
            await exchange.send(text)
        if draw > 0.97:
            await exchange.send(text)
            await exchange.send("{broken")
        if draw > 0.99:
            await exchange.cut()
        if step % 5 == 0:
            await asyncio.sleep(0.005)
        if listener.changes and (book := listener.live.depth(SYMBOL, 1000)) is not None:
            seen.append((next(c.seq for c in reversed(listener.changes) if c.touched), book))
    await exchange.listened(exchange.connections)
    async with asyncio.timeout(20):
        while listener.live.depth(SYMBOL, 1000) != tuple(map(tuple, exchange.levels())):
            await exchange.send(exchange.update())
            had[exchange.last] = exchange.levels()
            await asyncio.sleep(0.05)
    assert len(seen) > 20
    books = {tuple(map(tuple, book)) for book in had.values()}
    assert all(book in books for _, book in seen)


async def test_it_reaches_the_stream(nats_server: NatsServer, exchange: Exchange, tmp_path: Path) -> None:
    environment = nats_server.environment("feed") | {
        "CIFT_FEED_SOURCE": "binance_live",
        "CIFT_FEED_SYMBOLS": SYMBOL,
        "CIFT_FEED_STREAM_URL": exchange.url,
        "CIFT_FEED_SNAPSHOT_URL": exchange.snapshot_url,
        "CIFT_FEED_BOOK_MS": "0",
    }
    async with NatsManager(nats_server.settings()) as nats:
        await ensure_streams(nats.js)
        async with Service("feed", environment, tmp_path) as service:
            await exchange.listened()
            for number in itertools.count(1):
                await exchange.send(exchange.update(bids={"99.00": f"{number}.0"}))
                await exchange.send(exchange.trade("101.00", "1.0"))
                if (await nats.js.stream_info(MARKET_DATA.name)).state.messages > 20:
                    break
                await asyncio.sleep(0.02)
            assert await service.stop() == 0
        trade = decode_market_data(
            (await nats.js.get_last_msg(MARKET_DATA.name, f"market.trades.{SYMBOL}")).data or b""
        )
        book = decode_market_data((await nats.js.get_last_msg(MARKET_DATA.name, f"market.book.{SYMBOL}")).data or b"")
    assert isinstance(trade, Trade)
    assert isinstance(book, BookUpdate)
    assert (trade.price, trade.side, trade.ts > 10**18) == (101.0, "buy", True)
    assert book.bids[0] == (100.0, 1.0)
