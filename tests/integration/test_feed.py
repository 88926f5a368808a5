"""The feed as a process, onto a real server: everything once, whatever is stopped or killed meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from cift.core.messages import BookUpdate, Quote, Trade
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_market_data, decode_quote, decode_status
from cift.core.streams import MARKET_DATA
from tests.servers.nats import NatsServer
from tests.servers.services import Service

SHARED = Path(__file__).parents[3] / "shared" / "data" / "orderflow"


def feed(nats_server: NatsServer, folder: Path, **settings: object) -> Service:
    given = {f"CIFT_FEED_{name.upper()}": str(value) for name, value in settings.items()}
    return Service("feed", nats_server.environment("feed") | given, folder)


async def told(nats: NatsManager) -> dict[str, list[bytes]]:
    """Everything on MARKET_DATA, by subject, in order."""
    found: dict[str, list[bytes]] = {}
    state = (await nats.js.stream_info(MARKET_DATA.name)).state
    for seq in range(state.first_seq, state.last_seq + 1):
        message = await nats.js.get_msg(MARKET_DATA.name, seq, direct=True)
        found.setdefault(message.subject or "", []).append(message.data or b"")
    return found


async def over(service: Service) -> int:
    assert service.process is not None
    return await asyncio.to_thread(service.process.wait, 60)


def rows(count: int, gap_ms: int = 0) -> bytes:
    lines = [f"{i * gap_ms * 10**6},DEMO,{'buy' if i % 2 else 'sell'},{100 + i % 7},{i + 1}" for i in range(count)]
    return ("ts,symbol,side,price,quantity\n" + "\n".join(lines) + "\n").encode()


async def test_trades_books_and_best_prices_of_generated_flow(
    nats_server: NatsServer, nats: NatsManager, tmp_path: Path
) -> None:
    service = feed(nats_server, tmp_path, source="hawkes", symbols="DEMO", events=2000, speed=0, book_ms=0, prefix="G-")
    async with service:
        assert await over(service) == 0
    found = await told(nats)
    assert set(found) == {"market.trades.G-DEMO", "market.book.G-DEMO", "market.ticks.G-DEMO"}
    trades = [decode_market_data(data) for data in found["market.trades.G-DEMO"]]
    books = [decode_market_data(data) for data in found["market.book.G-DEMO"]]
    quotes = [decode_quote(data) for data in found["market.ticks.G-DEMO"]]
    assert all(isinstance(trade, Trade) and trade.symbol == "G-DEMO" for trade in trades)
    assert len(books) > 1900
    best = [(book.bids[:1], book.asks[:1]) for book in books if isinstance(book, BookUpdate)]
    changed = [now for before, now in zip([None, *best], best, strict=False) if now != before]
    assert [
        (((q.bid, q.bid_quantity),) if q.bid else (), ((q.ask, q.ask_quantity),) if q.ask else ()) for q in quotes
    ] == changed
    assert isinstance(quotes[0], Quote)
    assert "played to the end" in service.text()


async def test_played_again_nothing_is_published_twice(
    nats_server: NatsServer, nats: NatsManager, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(rows(500))
    once = feed(nats_server, tmp_path, source="csv", path=path, speed=0)
    async with once:
        assert await over(once) == 0
    # The server forgets ids after two minutes; what the stream holds tells as well.
    await nats.js.update_stream(MARKET_DATA.config(1), duplicate_window=0.1)
    await asyncio.sleep(0.5)
    async with once:
        assert await over(once) == 0
    assert [len(each) for each in (await told(nats)).values()] == [500]
    assert "500 were there already" in once.text()
    again = feed(nats_server, tmp_path, source="csv", path=path, speed=0, run="2")
    async with again:
        assert await over(again) == 0
    trades = [decode_market_data(data) for data in (await told(nats))["market.trades.DEMO"]]
    assert [trade.seq for trade in trades if isinstance(trade, Trade)] == list(range(1, 1001))


async def test_killed_on_the_way_it_leaves_nothing_out(
    nats_server: NatsServer, nats: NatsManager, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(rows(900, gap_ms=2))
    service = feed(nats_server, tmp_path, source="csv", path=path)
    for _ in range(2):
        await service.run()
        before = (await nats.js.stream_info(MARKET_DATA.name)).state.messages
        async with asyncio.timeout(20):
            while (await nats.js.stream_info(MARKET_DATA.name)).state.messages < before + 100:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        service.kill()
    nats_server.restart()
    async with service:
        assert await over(service) == 0
    trades = [decode_market_data(data) for data in (await told(nats))["market.trades.DEMO"]]
    assert [trade.quantity for trade in trades if isinstance(trade, Trade)] == [float(i) for i in range(1, 901)]


async def test_it_keeps_the_pace_of_the_file(nats_server: NatsServer, nats: NatsManager, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(rows(100, gap_ms=40))
    service = feed(nats_server, tmp_path, source="csv", path=path, speed=4)
    async with service:
        status = decode_status(await nats.request("status.feed", timeout_s=5))
        assert status.service == "feed"
        assert await over(service) == 0
    trades = [decode_market_data(data) for data in (await told(nats))["market.trades.DEMO"]]
    # Four seconds of the file, in one; each a hundredth of it after the one before.
    gaps = [after.ts - before.ts for before, after in itertools.pairwise(trades)]
    assert gaps == [10_000_000] * 99


async def test_of_two_feeds_one_plays(nats_server: NatsServer, nats: NatsManager, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    first, second = (feed(nats_server, folder, source="hawkes", symbols="DEMO", rate=200) for folder in folders)
    async with first:
        second.start()
        async with asyncio.timeout(20):
            while "standing by" not in second.text():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert " ready" not in second.text()
        assert await first.stop() == 0
        async with asyncio.timeout(20):
            while " ready" not in second.text():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await second.stop() == 0


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real order flow is not in {SHARED}")
async def test_the_real_recordings_are_played(nats_server: NatsServer, nats: NatsManager, tmp_path: Path) -> None:
    message = SHARED / "aapl-lobster-10-message.csv"
    lobster = feed(nats_server, tmp_path, source="lobster", symbols="AAPL", path=message, speed=0, book_ms=0)
    async with lobster:
        assert await over(lobster) == 0
    path = SHARED / "binance-spot-btcusdt-depth.jsonl.gz"
    binance = feed(nats_server, tmp_path, source="binance", symbols="BTCUSDT", path=path, speed=0)
    async with binance:
        assert await over(binance) == 0
    counts = {}
    for subject in ("market.trades.BTCUSDT", "market.book.BTCUSDT", "market.book.AAPL", "market.trades.AAPL"):
        info = await nats.js.stream_info(MARKET_DATA.name, subjects_filter=subject)
        counts[subject] = (info.state.subjects or {}).get(subject, 0)
    assert counts["market.trades.BTCUSDT"] == 9757
    assert counts["market.book.BTCUSDT"] > 1000
    assert counts["market.book.AAPL"] > 900
    assert counts["market.trades.AAPL"] > 0


def test_bad_input_publishes_nothing_and_ends_with_2(nats_server: NatsServer, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(rows(50) + b"x,DEMO,buy,1,1\n")
    command = [
        sys.executable,
        "-m",
        "cift.services.feed",
        "--metrics-port",
        "0",
        "--source",
        "csv",
        "--path",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"feed: {path}: line 52: ts: found 'x', expected nanoseconds since 1970 or ISO 8601\n"
