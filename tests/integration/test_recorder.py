"""The recorder as a process: everything stored once, whatever is away or killed meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cift.core.cache import Cache
from cift.core.clickhouse.migrations import ClickHouseMigrations
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.config import Settings
from cift.core.messages import BookUpdate, Cancelled, Fill, Trade
from cift.core.migrations import load_migrations, migrate
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_status, encode, encode_framed
from tests.servers.cache import CacheServer
from tests.servers.chdb import ChdbServer, make_server
from tests.servers.nats import NatsServer
from tests.servers.services import Service

DAY = 86_400 * 10**9
NOON = (time.time_ns() // DAY - 7) * DAY + DAY // 2  # recent, or the tables' TTL takes the rows away


@pytest.fixture
def chdb(tmp_path: Path) -> Iterator[ChdbServer]:
    """A server of this test's own, to be killed."""
    server = make_server(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def recorder(nats_server: NatsServer, cache_server: CacheServer, chdb: ChdbServer, tmp_path: Path) -> Service:
    settings = Settings(CLICKHOUSE_PORT=chdb.port, CLICKHOUSE_USER=chdb.user, CLICKHOUSE_PASSWORD=chdb.password)
    async with ClickHouseMigrations(settings) as migrations:
        await migrate(migrations, load_migrations("clickhouse"))
    environment = nats_server.environment("recorder") | cache_server.environment() | chdb.environment
    return Service("recorder", environment, tmp_path)


class Market:
    """Publishes what the engine would."""

    def __init__(self, nats: NatsManager) -> None:
        self._nats = nats
        self._numbers = itertools.count(1)
        self.fills = 0

    async def _publish(self, subject: str, message: Any) -> None:
        """Publish in one format and the other by turns, as a stream has them whose writers changed over."""
        await self._nats.publish_acked(subject, (encode if message.seq % 2 else encode_framed)(message))

    async def trade(self, count: int) -> None:
        """Publish `count` commands' events: a fill each, and now and then something that is no fill."""
        for _ in range(count):
            seq = next(self._numbers)
            ts = NOON + seq // 50 % 3 * DAY  # three partitions of ticks, in turns
            await self._publish(
                "events.AAPL",
                Fill(
                    symbol="AAPL", ts=ts, seq=seq, pos=1, user_id=1, order_id=seq, last=True,
                    side="buy", price=100.0, quantity=2.0, maker_order_id=1, maker_user_id=2,
                ),
            )  # fmt: skip
            trade = Trade(symbol="AAPL", ts=ts, seq=seq, pos=1, side="buy", price=100.0, quantity=2.0)
            await self._publish("market.trades.AAPL", trade)
            self.fills += 1
            if seq % 5 == 0:
                other = Cancelled(symbol="AAPL", ts=ts, seq=seq, pos=2, user_id=1, order_id=1, last=True, quantity=1)
                await self._publish("events.AAPL", other)

    async def book(self, seq: int, price: float) -> BookUpdate:
        book = BookUpdate(symbol="AAPL", ts=NOON, seq=seq, bids=((price, 1.0),), asks=())
        await self._publish("market.book.AAPL", book)
        return book


async def stored(chdb: ChdbServer, market: Market) -> None:
    """Wait until the tables have every fill; a moment later they must have no more than that."""

    def counts() -> list[tuple[int, int]]:
        with chdb.client("cift_analytics") as client:
            return [
                tuple(client.query(f"SELECT count(), uniqExact(stream_seq) FROM {table}").result_rows[0])
                for table in ("trade_executions", "ticks_analytics", "position_history_analytics")
            ]

    # A fill changes two positions.
    wanted = [(market.fills, market.fills), (market.fills, market.fills), (2 * market.fills, market.fills)]
    for _ in range(300):
        found = await asyncio.to_thread(counts)
        if found == wanted:
            break
        assert all(count <= most for (count, _), (most, _) in zip(found, wanted, strict=True)), (
            f"stored twice: {found}, expected {wanted}"
        )
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)
    assert await asyncio.to_thread(counts) == wanted


async def cached(cache_server: CacheServer, book: BookUpdate) -> None:
    async with Cache(cache_server.settings()) as cache:
        for _ in range(300):
            if await cache.get_book("AAPL") == book:
                return
            await asyncio.sleep(0.05)
    raise AssertionError(f"the cache does not hold {book}")


async def test_fills_trades_and_books_arrive(
    nats: NatsManager, recorder: Service, chdb: ChdbServer, cache_server: CacheServer
) -> None:
    market = Market(nats)
    await market.trade(50)  # before it starts
    async with recorder:
        await market.trade(50)
        book = await market.book(7, 99.0)
        await stored(chdb, market)
        await cached(cache_server, book)
        status = decode_status(await nats.request("status.recorder"))
        assert (status.service, status.lag, status.detail) == ("recorder", 0, "")
        with chdb.client("cift_analytics") as client:
            volume, trades = client.query("SELECT sum(volume), sum(trades) FROM bars_1m").result_rows[0]
            row = client.query(
                "SELECT command_seq, pos, side, price, quantity, notional, taker_user_id, maker_user_id "
                "FROM trade_executions ORDER BY stream_seq LIMIT 1"
            ).result_rows[0]
        assert (volume, trades) == (200.0, 100)
        assert row == (1, 1, "buy", 100.0, 2.0, 200.0, 1, 2)
        assert await recorder.stop() == 0


async def test_positions_accounts_and_books_over_time(nats: NatsManager, recorder: Service, chdb: ChdbServer) -> None:
    market = Market(nats)
    settings = Settings(CLICKHOUSE_PORT=chdb.port, CLICKHOUSE_USER=chdb.user, CLICKHOUSE_PASSWORD=chdb.password)
    first, last = NOON - DAY, NOON + 3 * DAY
    async with ClickHouseManager(settings) as clickhouse, recorder:
        for _ in range(2):  # killed in between, it goes on from what it has stored
            await market.trade(20)
            await stored(chdb, market)
            recorder.kill()
            await recorder.run()
        await market.book(5, 99.0)
        bought, sold = [(await clickhouse.get_positions(user)).row(0, named=True) for user in (1, 2)]
        assert (bought["quantity"], sold["quantity"]) == (80.0, -80.0)
        assert (bought["average_price"], bought["unrealized_pnl"]) == (100.0, 0.0)
        history = await clickhouse.get_position_history(1, first, last)
        assert history.sort("stream_seq")["quantity"].to_list() == [2.0 * n for n in range(1, 41)]
        for _ in range(100):
            snapshots = await clickhouse.get_account_snapshots(1, first, last)
            books = await clickhouse.get_order_book_snapshots("AAPL", first, last)
            newest = snapshots.row(-1, named=True) if snapshots.height else {"cash": 0, "equity": 0}
            # Where the machine was slow there was one of the first half of the minute; the second half made it anew.
            if newest["cash"] == 10**9 - 8000 and books.height:
                break
            await asyncio.sleep(0.1)
        assert (newest["cash"], newest["equity"]) == (10**9 - 8000, 10**9)
        assert (newest["currency"], newest["margin_used"], newest["leverage"]) == ("USD", 800, 8000 / 10**9)
        assert books["bid_prices"].to_list() == [[99.0]]


async def test_what_is_no_message_is_left_out_and_told(nats: NatsManager, recorder: Service, chdb: ChdbServer) -> None:
    market = Market(nats)
    async with recorder:
        await market.trade(10)
        for subject in ("events.AAPL", "market.trades.AAPL"):
            for data in (b"", b"{", b'{"type":"fill"}', b'{"type":"trade","symbol":"\xff"}', b"\x00" * 1000):
                await nats.js.publish(subject, data)
        await market.trade(10)
        await stored(chdb, market)
        assert recorder.text().count(" is left out: event: ") == 5
        assert recorder.text().count(" is left out: market data: ") == 5
        assert await recorder.stop() == 0


async def test_a_table_that_is_behind_is_filled_and_the_others_have_nothing_twice(
    nats: NatsManager, recorder: Service, chdb: ChdbServer
) -> None:
    market = Market(nats)
    with chdb.client("cift_analytics") as client:
        for table in ("trade_executions", "position_history_analytics", "order_events"):
            async with recorder:
                await market.trade(20)
                await stored(chdb, market)
                assert await recorder.stop() == 0
            # A copy of the table from before is put back.
            client.command(f"CREATE TABLE copy AS {table}")
            client.command(f"INSERT INTO copy SELECT * FROM {table} WHERE stream_seq <= 9")
            client.command(f"DROP TABLE {table} SYNC")
            client.command(f"RENAME TABLE copy TO {table}")
        async with recorder:
            await stored(chdb, market)
            wanted = 2 * market.fills + market.fills // 5
            for _ in range(100):
                rows, events = client.query("SELECT count(), uniqExact(stream_seq) FROM order_events").result_rows[0]
                if rows == wanted:
                    break
                await asyncio.sleep(0.1)
            assert (rows, events) == (wanted, market.fills + market.fills // 5)
            held = client.command(
                "SELECT argMax(quantity, stream_seq) FROM position_history_analytics WHERE account_id = 1"
            )
            assert held == 2.0 * market.fills


async def test_of_two_recorders_one_records(
    nats: NatsManager, recorder: Service, chdb: ChdbServer, tmp_path: Path
) -> None:
    market = Market(nats)
    (tmp_path / "second").mkdir()
    second = Service("recorder", recorder.environment, tmp_path / "second")
    async with recorder:
        second.start()
        async with asyncio.timeout(30):
            while "standing by" not in second.text():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await market.trade(50)
        await stored(chdb, market)
        assert " ready" not in second.text()
        trading = asyncio.create_task(market.trade(200))
        recorder.kill()
        async with asyncio.timeout(30):
            while " ready" not in second.text():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await trading
        await stored(chdb, market)
        assert await second.stop() == 0


async def test_kills_of_it_and_of_clickhouse_lose_and_double_nothing(
    nats: NatsManager, recorder: Service, chdb: ChdbServer
) -> None:
    market = Market(nats)
    async with recorder:
        for round_ in range(3):
            trading = asyncio.create_task(market.trade(300))
            await asyncio.sleep(0.15)
            if round_ != 1:
                recorder.kill()
                await recorder.run()
            if round_ != 0:
                chdb.kill()
                await asyncio.sleep(0.5)
                await asyncio.to_thread(chdb.start)
            await trading
        await stored(chdb, market)
        assert await recorder.stop() == 0


async def test_books_go_on_while_clickhouse_is_away_and_return_to_a_cache_that_forgot(
    nats: NatsManager, recorder: Service, chdb: ChdbServer, cache_server: CacheServer
) -> None:
    market = Market(nats)
    chdb.kill()
    async with recorder:
        await cached(cache_server, await market.book(1, 10.0))
        await market.book(3, 12.0)
        newest = await market.book(4, 13.0)
        cache_server.restart()
        await cached(cache_server, newest)
        await market.trade(20)
        assert decode_status(await nats.request("status.recorder")).detail == "waiting for ClickHouse"
        await asyncio.to_thread(chdb.start)
        await stored(chdb, market)
        assert await recorder.stop() == 0


async def test_it_carries_on_when_nats_was_killed(
    nats: NatsManager, nats_server: NatsServer, recorder: Service, chdb: ChdbServer
) -> None:
    market = Market(nats)
    back = asyncio.Event()

    async def note() -> None:
        back.set()

    nats.on_reconnect(note)
    async with recorder:
        await market.trade(50)
        nats_server.restart()
        await asyncio.wait_for(back.wait(), 10)
        await market.trade(50)
        await stored(chdb, market)
