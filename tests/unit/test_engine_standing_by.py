"""An engine that stands by keeps what it would have to say, and no more than that."""

from __future__ import annotations

import asyncio

import pytest

from cift.core.config import Settings
from cift.core.lease import Lease
from cift.core.nats_manager import NatsManager
from cift.core.shards import WHOLE
from cift.core.stream_reader import Stored, StreamReader
from cift.services import engine as service


class Restless(StreamReader):
    """A journal in which there is always something new."""

    async def next(self, limit: int = 256) -> list[Stored]:
        await asyncio.sleep(0)
        return [Stored(1, "orders.AAPL", b"", "", "")]


async def test_it_forgets_what_is_said_also_while_the_journal_never_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    nats = NatsManager(Settings())
    standing_by = service.Engine(nats, WHOLE, snapshot_every=1)
    standing_by.reader = Restless(nats, "ORDERS")
    decided = forgotten = 0
    stop = asyncio.Event()

    async def decide(_batch: list[Stored]) -> None:
        nonlocal decided
        decided += 1
        if decided == 100:
            stop.set()

    async def trim() -> None:
        nonlocal forgotten
        forgotten += 1

    monkeypatch.setattr(service, "TRIM_S", 0.0)
    monkeypatch.setattr(standing_by, "_decide", decide)
    monkeypatch.setattr(standing_by, "_trim", trim)
    monkeypatch.setattr(Lease, "acquired", lambda _self: asyncio.Event().wait())
    async with asyncio.timeout(30):
        await standing_by._stand_by(Lease(nats, "engine", "test"), stop)
    assert decided == forgotten == 100
