"""The parts of the NATS adapter that need no server, and the guide's two calls, which do."""

from __future__ import annotations

import asyncio

import pytest
from nats.js.api import DiscardPolicy, StorageType

from cift.core import nats_manager
from cift.core.config import Settings, get_settings
from cift.core.messages import CancelOrder
from cift.core.nats_manager import NatsManager, NatsUnavailableError, close_nats_manager, get_nats_manager, to_bytes
from cift.core.streams import EVENTS, MARKET_DATA, ORDERS, SIGNALS, STREAMS, ensure_streams
from tests.servers.nats import NatsServer


def test_payloads_become_bytes() -> None:
    assert to_bytes(b"raw") == b"raw"
    assert to_bytes("text") == b"text"
    assert to_bytes({"price": 150.0}) == b'{"price":150.0}'
    assert to_bytes(CancelOrder(symbol="A", ts=1, user_id=2, order_id=3)) == (
        b'{"type":"cancel","symbol":"A","ts":1,"user_id":2,"order_id":3}'
    )


async def test_without_a_connection_calls_fail_at_once() -> None:
    nats = NatsManager(Settings(NATS_URL="nats://127.0.0.1:1"))
    for call in (nats.publish("a", b""), nats.publish_acked("a", b""), nats.request("a"), nats.ping()):
        with pytest.raises(NatsUnavailableError, match="not connected"):
            await call
    await nats.close()


def test_the_journal_refuses_rather_than_drops_and_the_rest_is_bounded() -> None:
    for stream in (ORDERS, EVENTS):
        config = stream.config(3)
        assert (config.discard, config.max_age, config.max_bytes) == (DiscardPolicy.NEW, 0, -1)
        assert (config.storage, config.deny_delete, config.num_replicas) == (StorageType.FILE, True, 3)
    for stream in (MARKET_DATA, SIGNALS):
        assert stream.config(1).discard == DiscardPolicy.OLD
        assert stream.max_age_s > 0
        assert stream.max_bytes > 0


def test_no_subject_belongs_to_two_streams() -> None:
    subjects = [subject.removesuffix(">") for stream in STREAMS for subject in stream.subjects]
    assert not [(a, b) for a in subjects for b in subjects if a != b and a.startswith(b)]
    assert len(set(subjects)) == len(subjects)


async def test_the_guides_calls(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in nats_server.environment("admin").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    monkeypatch.setattr(nats_manager, "_manager", None)
    try:
        nats = await get_nats_manager()
        assert await get_nats_manager() is nats
        await ensure_streams(nats.js)
        await nats.publish("market.ticks.AAPL", {"price": 150.0, "volume": 100})
        async with asyncio.timeout(10):  # nobody says when a message without an acknowledgement is stored
            while (await nats.js.stream_info("MARKET_DATA")).state.messages == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        await close_nats_manager()
        get_settings.cache_clear()
