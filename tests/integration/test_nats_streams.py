"""Reading and writing streams without gaps or repeats, while the server comes and goes."""

from __future__ import annotations

import asyncio

import pytest

from cift.core.nats_manager import NatsManager
from cift.core.outbox import ForeignWriterError, Outbox, Outgoing
from cift.core.stream_reader import BATCH, StreamReader
from tests.servers.nats import NatsServer


def messages(first: int, last: int) -> list[Outgoing]:
    return [Outgoing(n, "events.AAPL", f"{n}.0", str(n).encode()) for n in range(first, last + 1)]


async def read(nats: NatsManager, count: int, *, limit: int = 300, start: int = 1) -> list[int]:
    numbers: list[int] = []
    async with StreamReader(nats, "EVENTS", start=start) as reader, asyncio.timeout(20):
        while len(numbers) < count:
            batch = await reader.next(limit)
            assert [int(stored.data) for stored in batch] == [stored.seq for stored in batch]
            numbers += [stored.seq for stored in batch]
    return numbers


async def test_more_than_one_request_is_read_whole_and_in_order(nats: NatsManager) -> None:
    outbox = Outbox(nats, "EVENTS", chained=True)
    await outbox.open()
    count = 3 * BATCH + 7
    await outbox.send(messages(1, count))
    assert await outbox.close()
    assert await read(nats, count) == list(range(1, count + 1))
    assert await read(nats, count - 99, start=100, limit=10_000) == list(range(100, count + 1))


async def test_taking_the_rest_does_not_stop_the_flow(nats: NatsManager) -> None:
    outbox = Outbox(nats, "EVENTS", chained=True)
    await outbox.open()
    await outbox.send(messages(1, BATCH))
    await outbox.settled(0)
    async with StreamReader(nats, "EVENTS") as reader, asyncio.timeout(10):
        taken = await reader.next(1)
        while len(taken) < BATCH:
            await asyncio.sleep(0.01)
            taken += reader.take(BATCH)
        await outbox.send(messages(BATCH + 1, BATCH + 1))
        assert (await reader.next())[0].seq == BATCH + 1
        reader.finish()
        assert await reader.next() == []
    await outbox.close()


@pytest.mark.parametrize("stream", ["EVENTS", "MARKET_DATA"])
async def test_what_no_acknowledgement_was_asked_for_is_proven_soon_and_stored_once(
    nats: NatsManager, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(nats, stream, chained=stream == "EVENTS")
    await outbox.open()
    subject = "events.AAPL" if stream == "EVENTS" else "market.trades.AAPL"
    for number in range(1, 21):  # while the first one's acknowledgement is on its way
        await outbox.send([Outgoing(number, subject, f"{number}.0", b"")])
    async with asyncio.timeout(1):
        await outbox.settled(0)
    assert (await nats.js.stream_info(stream)).state.messages == 20
    assert await outbox.close()
    assert not caplog.records, "it doubted"


async def test_the_newest_of_each_subject(nats: NatsManager) -> None:
    for seq, symbol in enumerate(["A", "B", "A", "B"], 1):
        await nats.publish_acked(f"market.book.{symbol}", str(seq))
    async with StreamReader(nats, "MARKET_DATA", subject="market.book.>", newest=True) as reader, asyncio.timeout(10):
        found: list[bytes] = []
        while len(found) < 2:
            found += [stored.data for stored in await reader.next()]
        await nats.publish_acked("market.book.A", b"5")
        found += [stored.data for stored in await reader.next()]
    assert found == [b"3", b"4", b"5"]


async def test_a_killed_server_leaves_no_gap_and_no_repeat(nats: NatsManager, nats_server: NatsServer) -> None:
    outbox = Outbox(nats, "EVENTS", chained=True)
    await outbox.open()
    reading = asyncio.create_task(read(nats, 4000))
    for first in range(1, 4000, 500):
        sending = asyncio.create_task(outbox.send(messages(first, first + 499)))
        if first % 1000 == 1:
            await asyncio.sleep(0.002)
            await asyncio.to_thread(nats_server.restart)
        await sending
    assert await outbox.close(20)
    assert await reading == list(range(1, 4001))


async def test_a_killed_server_keeps_what_is_not_chained_whole_and_in_order(
    nats: NatsManager, nats_server: NatsServer
) -> None:
    outbox = Outbox(nats, "MARKET_DATA", chained=False)
    await outbox.open()
    for number in range(1, 3001):
        await outbox.send([Outgoing(number, "market.trades.AAPL", f"trade.{number}", str(number).encode())])
        if number % 50 == 0:
            await asyncio.sleep(0)
        if number % 1000 == 500:
            killing = asyncio.create_task(asyncio.to_thread(nats_server.restart))
        if number % 1000 == 900:
            await killing  # so that many were sent before, meanwhile and after
    assert await outbox.close(20)
    async with StreamReader(nats, "MARKET_DATA") as reader, asyncio.timeout(20):
        found: list[int] = []
        while len(found) < 3000:
            found += [int(stored.data) for stored in await reader.next(5000)]
    assert found == list(range(1, 3001))


async def test_what_a_lost_server_was_asked_is_asked_anew_at_once(
    nats_server: NatsServer, nats: NatsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that the server took with it is never answered: the reconnect ends the wait for it."""
    await nats.publish_acked("events.AAPL", b"1")
    real, asked, never = nats.js.add_consumer, asyncio.Event(), asyncio.Event()

    async def unanswered_at_first(*arguments: object, **options: object) -> object:
        if not asked.is_set():
            asked.set()
            await never.wait()
        return await real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(nats.js, "add_consumer", unanswered_at_first)
    async with StreamReader(nats, "EVENTS") as reader, asyncio.timeout(30):
        await asked.wait()
        await asyncio.to_thread(nats_server.restart)
        assert [stored.data for stored in await reader.next()] == [b"1"]


async def test_a_second_writer_of_the_same_events_does_no_harm_and_a_foreign_one_is_found(nats: NatsManager) -> None:
    first, second = Outbox(nats, "EVENTS", chained=True), Outbox(nats, "EVENTS", chained=True)
    await first.open()
    await second.open()
    await first.send(messages(1, 100))
    await second.send(messages(1, 100))
    assert await first.close()
    assert (await nats.js.stream_info("EVENTS")).state.last_seq == 100
    await second.settled(0)
    for _ in range(2):
        await nats.publish_acked("events.AAPL", b"foreign")
    await second.send(messages(101, 101))
    with pytest.raises(ForeignWriterError, match="somebody else writes to it"):
        async with asyncio.timeout(10):
            await second.settled(0)
    assert not await second.close()
