"""The books that the market sees: not every one of a burst, but always the last."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from nats.js.errors import NotFoundError

from cift.core.books import EVERY_S, Books
from cift.core.matching import Matcher
from cift.core.messages import BookUpdate, NewOrder
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_market_data
from tests.servers.nats import NatsServer
from tests.unit.test_engine_matching import LIMITS, instrument


async def shown(nats: NatsManager, seq: int) -> tuple[int, BookUpdate]:
    """How many books are on the stream, and the last one, once it shows command `seq`."""
    await nats.client.flush()
    for _ in range(300):
        with suppress(NotFoundError):
            message = await nats.js.get_last_msg("MARKET_DATA", "market.book.AAPL")
            book = decode_market_data(message.data or b"")
            assert isinstance(book, BookUpdate)
            if book.seq >= seq:
                return message.seq or 0, book
        await asyncio.sleep(0.01)
    raise AssertionError(f"no book of command {seq} was told")


async def test_a_burst_is_told_once_at_its_end(nats: NatsManager) -> None:
    again = asyncio.Event()
    matcher, books = Matcher(), Books(nats, again.set)
    matcher.apply(1, instrument())
    matcher.apply(2, LIMITS)
    began = asyncio.get_running_loop().time()
    for seq in range(3, 103):
        buy = NewOrder(symbol="AAPL", ts=seq, user_id=1, side="buy", order_type="limit", quantity=1, price=1.0)
        matcher.apply(seq, buy)
        books.ts = seq
        await books.show(matcher)
        await asyncio.sleep(0)
    lasted = asyncio.get_running_loop().time() - began
    await asyncio.wait_for(again.wait(), 1)
    await books.show(matcher, now=True)
    assert not matcher.touched
    count, last = await shown(nats, 102)
    assert (last.seq, last.ts, last.bids) == (102, 102, ((1.0, 100.0),))
    assert count <= lasted / EVERY_S + 2
    await books.show(matcher, now=True)
    await asyncio.sleep(0.05)
    assert (await shown(nats, 102))[0] == count, "a book that had not changed was told again"


async def test_without_a_server_they_stay_marked(nats: NatsManager, nats_server: NatsServer) -> None:
    matcher = Matcher()
    matcher.apply(1, instrument())
    books = Books(nats, lambda: None)
    nats_server.kill()
    for _ in range(500):
        if not nats.connected:
            break
        await asyncio.sleep(0.01)
    await books.show(matcher)
    assert matcher.touched == {"AAPL"}
