"""The engine as a process: crash it, take its server away, and compare with an undisturbed run."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from nats.js.errors import NotFoundError

from cift.core.database import Account, Database, Instrument
from cift.core.matching import Matcher
from cift.core.messages import AnyCommand, AnyEvent, NewOrder, Rejected, Trade
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_command, decode_event, decode_market_data, decode_status
from cift.core.stream_reader import Stored, StreamReader
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer
from tests.servers.services import Service
from tests.unit.test_engine_matching import random_commands


@pytest.fixture
async def engine(
    nats_server: NatsServer, postgres_server: PostgresServer, reference_database: Database, tmp_path: Path
) -> Service:
    await reference_database.load_reference([Instrument("AAPL", 0.01, 1.0)], [Account(1, "one")], None)
    environment = nats_server.environment("engine") | postgres_server.environment()
    return Service("engine", environment, tmp_path)


async def everything(nats: NatsManager, stream: str, subject: str = ">") -> list[Stored]:
    """Return the whole stream as it is now."""
    try:
        last = (await nats.js.get_last_msg(stream, subject)).seq or 0
    except NotFoundError:
        return []
    messages: list[Stored] = []
    async with StreamReader(nats, stream, subject=subject) as reader, asyncio.timeout(60):
        while reader.position < last:
            messages += await reader.next(100_000)
    return messages


def orders(count: int, seed: int) -> list[AnyCommand]:
    return random_commands(count + 2, seed)[2:]  # without the configuration, which the engine brings itself


async def place(nats: NatsManager, commands: list[AnyCommand]) -> int:
    """Append commands to the journal and return the last one's sequence."""
    last = 0
    for command in commands:
        last = (await nats.publish_acked(f"orders.{command.symbol}", command, timeout_s=5)).seq
    return last


async def decided(nats: NatsManager, sequence: int) -> None:
    """Wait until the engine has published everything about command `sequence`."""
    for _ in range(1500):
        try:
            event = decode_event((await nats.js.get_last_msg("EVENTS", "events.AAPL")).data or b"")
            if event.seq >= sequence and event.last:
                return
        except Exception:
            pass
        await asyncio.sleep(0.02)
    raise AssertionError(f"command {sequence} was not decided")


async def expected(nats: NatsManager) -> tuple[list[AnyEvent], str]:
    """Return what an undisturbed run says about the journal, and its state."""
    matcher, events = Matcher(), []
    for stored in await everything(nats, "ORDERS"):
        events += matcher.apply(stored.seq, decode_command(stored.data))
    return events, f"{matcher.state_hash():016x}"


async def check(nats: NatsManager, engine: Service) -> None:
    """Stop the engine; the streams must hold what an undisturbed run would have said, once."""
    assert await engine.stop() == 0, engine.text()
    events, state = await expected(nats)
    assert [decode_event(stored.data) for stored in await everything(nats, "EVENTS")] == events
    trades = [decode_market_data(stored.data) for stored in await everything(nats, "MARKET_DATA", "market.trades.>")]
    fills = [(event.seq, event.pos) for event in events if type(event).__name__ == "Fill"]
    assert [(trade.seq, trade.pos) for trade in trades if isinstance(trade, Trade)] == fills
    assert engine.states()[-1] == state


async def test_it_brings_its_configuration_into_the_journal_once(nats: NatsManager, engine: Service) -> None:
    async with engine:
        kinds = [type(decode_command(stored.data)).__name__ for stored in await everything(nats, "ORDERS")]
        assert kinds == ["SetInstrument", "SetLimits"]
        status = decode_status(await nats.request("status.engine"))
        assert (status.service, status.position, status.lag) == ("engine", 2, 0)
        assert await engine.stop() == 0
    async with engine:
        assert (await nats.js.stream_info("ORDERS")).state.last_seq == 2
        await check(nats, engine)


async def test_after_kills_under_load_every_event_is_there_once(nats: NatsManager, engine: Service) -> None:
    chance = random.Random(3)
    async with engine:
        for seed in range(4):
            placing = asyncio.create_task(place(nats, orders(1500, seed)))
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            engine.kill()
            engine.start()  # and once more while it replays
            await asyncio.sleep(chance.uniform(0.5, 1.0))
            engine.kill()
            await engine.run()
            last = await placing
        await decided(nats, last)
        await check(nats, engine)


async def test_it_carries_on_when_nats_is_killed_under_load(
    nats: NatsManager, nats_server: NatsServer, engine: Service
) -> None:
    back = asyncio.Event()

    async def note() -> None:
        back.set()

    nats.on_reconnect(note)
    async with engine:
        for seed in range(3):
            await place(nats, orders(500, seed))
            back.clear()
            nats_server.restart()
            await asyncio.wait_for(back.wait(), 10)
        await decided(nats, await place(nats, orders(100, seed=9)))
        await check(nats, engine)


async def test_what_is_no_command_is_refused_and_the_next_one_decided(nats: NatsManager, engine: Service) -> None:
    async with engine:
        await nats.publish_acked("orders.AAPL", b'{"type":"new","symbol":"AAPL"')
        for symbol in ("MSFT", "A B\r\nPUB x 0", ""):
            stray = NewOrder(symbol=symbol, ts=1, user_id=1, side="buy", order_type="market", quantity=1)
            await nats.publish_acked("orders.AAPL", stray)
        order = NewOrder(symbol="AAPL", ts=1, user_id=1, side="buy", order_type="limit", quantity=1, price=1.0)
        last = (await nats.publish_acked("orders.AAPL", order)).seq
        await decided(nats, last)
        *refused, accepted = [decode_event(stored.data) for stored in await everything(nats, "EVENTS")]
        assert len(refused) == 4
        for event in refused:
            assert isinstance(event, Rejected)
            assert (event.code, event.symbol, event.last) == ("unreadable", "AAPL", True)
        assert accepted.seq == last


async def test_events_that_the_journal_does_not_cause_stop_it(nats: NatsManager, engine: Service) -> None:
    await nats.publish_acked("events.AAPL", b'{"type":"reduced","symbol":"AAPL","ts":1,"seq":1,"pos":0,"user_id":1,'
                             b'"order_id":1,"remaining":1}')  # fmt: skip
    engine.start()
    assert engine.process is not None
    assert await asyncio.to_thread(engine.process.wait, 30) == 1
    assert "EVENTS holds 1 events, but the journal causes 0" in engine.text().splitlines()[-1]


async def test_missing_streams_are_one_sentence(nats_server: NatsServer, engine: Service) -> None:
    engine.start()
    assert engine.process is not None
    assert await asyncio.to_thread(engine.process.wait, 30) == 1
    assert "does not exist: run `cift schema apply`" in engine.text().splitlines()[-1]


async def test_a_bad_setting_is_named(engine: Service) -> None:
    engine.environment["CIFT_RISK_MAX_POSITION"] = "-1"
    engine.start()
    assert engine.process is not None
    assert await asyncio.to_thread(engine.process.wait, 30) == 2
    assert engine.text().startswith("engine: CIFT_RISK_MAX_POSITION: ")
