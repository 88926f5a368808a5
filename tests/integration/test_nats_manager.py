"""The connection to NATS and the streams, against a real server."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from nats.aio.msg import Msg
from nats.js.api import StreamConfig
from pydantic import SecretStr, ValidationError

from cift.core.config import Settings
from cift.core.nats_manager import NatsManager, NatsUnavailableError
from cift.core.streams import STREAMS, ensure_streams
from tests.servers.nats import NatsServer, seed


async def test_the_streams_are_made_once_and_mended_when_they_differ(nats_server: NatsServer) -> None:
    async with NatsManager(nats_server.settings()) as nats:
        assert await ensure_streams(nats.js) == [f"created {stream.name}" for stream in STREAMS]
        assert await ensure_streams(nats.js) == []
        wanted = (await nats.js.stream_info("SIGNALS")).config
        await nats.js.update_stream(StreamConfig(**{**wanted.__dict__, "max_bytes": 1 << 20}))
        assert await ensure_streams(nats.js) == ["updated SIGNALS (max_bytes)"]


async def test_a_dict_is_published_as_json_and_kept_by_the_stream(nats_server: NatsServer) -> None:
    async with NatsManager(nats_server.settings()) as nats:
        await ensure_streams(nats.js)
        await nats.publish("market.ticks.AAPL", {"price": 150.0, "volume": 100})
        for _ in range(1000):  # a plain publish is stored some time after it was read: no answer says when
            if (await nats.js.stream_info("MARKET_DATA")).state.messages:
                break
            await asyncio.sleep(0.01)
        message = await nats.js.get_last_msg("MARKET_DATA", "market.ticks.AAPL")
        assert message.data == b'{"price":150.0,"volume":100}'


async def test_the_same_message_id_is_stored_once(nats_server: NatsServer) -> None:
    async with NatsManager(nats_server.settings()) as nats:
        await ensure_streams(nats.js)
        first = await nats.publish_acked("orders.AAPL", b"{}", msg_id="a.1")
        again = await nats.publish_acked("orders.AAPL", b"{}", msg_id="a.1")
        assert (first.seq, again.seq, again.duplicate) == (1, 1, True)


async def test_a_request_is_answered_as_soon_as_subscribe_returns(nats_server: NatsServer) -> None:
    async with NatsManager(nats_server.settings()) as server, NatsManager(nats_server.settings("api")) as client:

        async def answer(message: Msg) -> None:
            await message.respond(b"here")

        await server.subscribe("status.test", answer)
        assert await client.request("status.test") == b"here"
        assert 0 < await client.ping() < 1


async def test_an_answer_that_comes_too_late_does_not_leave_it_deaf(nats_server: NatsServer) -> None:
    assert nats_server.process is not None
    async with NatsManager(nats_server.settings()) as nats:
        nats_server.process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitid, os.P_PID, nats_server.process.pid, os.WSTOPPED)  # all threads
        try:
            with pytest.raises(NatsUnavailableError, match="no answer"):
                await nats.ping(timeout_s=0.1)
        finally:
            nats_server.process.send_signal(signal.SIGCONT)
        assert await nats.ping(timeout_s=5) > 0
        assert nats.losses == 0


async def test_it_reconnects_after_a_kill_and_tells_those_who_asked(nats_server: NatsServer) -> None:
    async with NatsManager(nats_server.settings()) as nats:
        back = asyncio.Event()

        async def hook() -> None:
            back.set()

        nats.on_reconnect(hook)
        nats_server.kill()
        for _ in range(200):
            if not nats.connected:
                break
            await asyncio.sleep(0.01)
        with pytest.raises(NatsUnavailableError, match="not connected"):
            await nats.publish("market.ticks.AAPL", {})
        nats_server.start()
        await asyncio.wait_for(back.wait(), 10)
        assert await nats.ping() > 0


async def test_a_strangers_key_is_one_sentence_at_once(nats_server: NatsServer) -> None:
    with pytest.raises(NatsUnavailableError, match=r"as U[A-Z2-7]{55}: .*check NATS_NKEY_SEED"):
        await NatsManager(nats_server.settings("stranger")).connect()


async def test_a_damaged_seed_is_one_sentence_without_it(nats_server: NatsServer) -> None:
    good = seed("admin").decode()
    damaged = good[:-1] + ("A" if good[-1] != "A" else "B")
    settings = nats_server.settings().model_copy(update={"nats_seed": SecretStr(damaged)})
    with pytest.raises(NatsUnavailableError, match="NATS_NKEY_SEED is damaged") as found:
        await NatsManager(settings).connect()
    assert damaged[2:20] not in str(found.value)
    with pytest.raises(ValidationError, match="found 5 characters, expected a user's seed") as refused:
        Settings(NATS_NKEY_SEED="wrong")
    assert "wrong" not in str(refused.value)


async def test_nobody_there_is_one_sentence_in_time(nats_server: NatsServer) -> None:
    nats_server.kill()
    with pytest.raises(NatsUnavailableError, match="is nats-server running there"):
        await NatsManager(nats_server.settings()).connect(timeout_s=0.3)


async def test_connect_may_be_tried_again(nats_server: NatsServer) -> None:
    nats_server.kill()
    nats = NatsManager(nats_server.settings())
    for _ in range(2):
        with pytest.raises(NatsUnavailableError):
            await nats.connect(timeout_s=0.2)
    nats_server.start()
    async with nats:
        assert await nats.ping() > 0
        assert (await nats.js.account_info()).streams == 0
