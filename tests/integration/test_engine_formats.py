"""An engine whose streams change their format: it goes on, and everybody reads all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cift.core import wire
from cift.core.database import Account, Database, Instrument
from cift.core.messages import Accepted, NewOrder, Rejected
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_event, decode_market_data, encode
from tests.integration.test_engine import check, decided, everything, orders, place
from tests.servers.nats import NatsServer
from tests.servers.postgres import PostgresServer
from tests.servers.services import Service


@pytest.fixture
async def engines(
    nats_server: NatsServer, postgres_server: PostgresServer, reference_database: Database, tmp_path: Path
) -> dict[str, Service]:
    """One that writes JSON, and one that writes what it does unless it is told."""
    await reference_database.load_reference([Instrument("AAPL", 0.01, 1.0)], [Account(1, "one")], None)
    environment = nats_server.environment("engine") | postgres_server.environment()
    made = {}
    for name, more in (("json", {"CIFT_STREAM_FORMAT": "json"}), ("capnp", {})):
        (tmp_path / name).mkdir()
        made[name] = Service("engine", environment | more, tmp_path / name)
    return made


async def first_bytes(nats: NatsManager, stream: str) -> list[int]:
    return [stored.data[0] for stored in await everything(nats, stream)]


async def test_an_engine_goes_on_with_what_was_written_in_another_format(
    nats: NatsManager, engines: dict[str, Service]
) -> None:
    lengths = {"EVENTS": 0, "MARKET_DATA": 0}
    # There, and back: who returns to a release that reads JSON alone writes it first.
    for number, (name, first) in enumerate([("json", b"{"), ("capnp", b"\0"), ("json", b"{")]):
        async with engines[name] as engine:
            await decided(nats, await place(nats, orders(300, seed=number)))
            await check(nats, engine)
        for stream, before in lengths.items():
            written = await first_bytes(nats, stream)
            assert set(written[before:]) == {first[0]}
            lengths[stream] = len(written)
    books = [decode_market_data(each.data) for each in await everything(nats, "MARKET_DATA", "market.book.>")]
    assert [book.seq for book in books] == sorted(book.seq for book in books)


async def test_an_engine_takes_commands_of_either_format(nats: NatsManager, engines: dict[str, Service]) -> None:
    async with engines["capnp"] as engine:
        order = NewOrder(symbol="AAPL", ts=1, user_id=1, side="buy", order_type="limit", quantity=1.0, price=1.0)
        framed = wire.encode(order)
        for data in (encode(order), framed, framed[:-8], framed[:-1] + b"\xff"):
            last = (await nats.publish_acked("orders.AAPL", data)).seq
        await decided(nats, last)
        events = [decode_event(stored.data) for stored in await everything(nats, "EVENTS")]
        assert [type(event) for event in events[:2]] == [Accepted, Accepted]
        assert [event.code for event in events[2:] if isinstance(event, Rejected)][:1] == ["unreadable"]
        # What no field of the other format can carry is told all the same.
        nobody = encode(order).replace(b'"user_id":1', b'"user_id":-1')
        last = (await nats.publish_acked("orders.AAPL", nobody)).seq
        last = (await nats.publish_acked("orders.AAPL", framed)).seq
        await decided(nats, last)
        told = {event.seq: event for event in map(decode_event, [e.data for e in await everything(nats, "EVENTS")])}
        assert isinstance(told[last], Accepted)
        assert told[last - 1].user_id == -1
        assert await engine.stop() == 0
