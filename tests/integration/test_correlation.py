"""One name from a request through the journal to its fill: in answers, headers, the account's stream, and the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cift.core.correlation import CORRELATION
from cift.core.messages import Fill
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_event
from tests.integration.test_engine import everything
from tests.servers.api import KEY, OTHER_KEY
from tests.servers.live import dial, hear, subscribe
from tests.servers.stack import Service, Stack

ORDERS = "/api/v1/orders"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def telling(trading_stack: Stack) -> Stack:
    """The stack with a line for each command, as JSON."""
    stack = trading_stack
    own = {"CIFT_LOG_FORMAT": "json", "CIFT_LOG_LEVEL": "debug"}
    stack.engine.stop()
    stack.api.stop()
    for part in (stack.engine, stack.api):
        part.environment = part.environment | own
        part.start()
    return stack


def lines(*logs: Path) -> list[dict[str, Any]]:
    """What the logs say in JSON; a stack's earlier run said it in words."""
    return [json.loads(line) for log in logs for line in log.read_text().splitlines() if line.startswith("{")]


def order(side: str, **more: Any) -> dict[str, Any]:
    return {"symbol": "AAPL", "side": side, "order_type": "limit", "quantity": 5, "price": 187.25, **more}


async def test_from_a_request_to_its_fill(telling: Stack) -> None:
    await telling.healthy()
    api = telling.api
    async with (
        api.client() as maker,
        api.client(OTHER_KEY) as taker,
        dial(api, KEY) as theirs,
        dial(api, OTHER_KEY) as own,
    ):
        for socket in (theirs, own):
            await subscribe(socket, "orders")
        resting = await maker.post(ORDERS, json=order("sell"), headers={"X-Request-ID": "of-the-maker"})
        filling = await taker.post(ORDERS, json=order("buy"), headers={"X-Request-ID": "desk-7:000123"})
        told = [await hear(own) for _ in range(2)]
        told_maker = [await hear(theirs) for _ in range(2)]
    assert (resting.status_code, filling.status_code) == (201, 201)
    assert filling.headers["X-Request-ID"] == "desk-7:000123"
    seq = filling.json()["order_id"]

    async with NatsManager(telling.settings) as nats:
        command = await nats.js.get_msg("ORDERS", seq)
        events = [each for each in await everything(nats, "EVENTS") if decode_event(each.data).seq == seq]
        market = [await nats.js.get_msg("MARKET_DATA", subject=f"market.{kind}.AAPL") for kind in ("trades", "book")]
    assert (command.headers or {})[CORRELATION] == "desk-7:000123"
    assert [each.correlation for each in events] == ["desk-7:000123"] * 2
    assert isinstance(decode_event(events[-1].data), Fill)
    # The market must not learn whose requests belong together, nor an account the other one's.
    assert all(CORRELATION not in (each.headers or {}) for each in market)
    assert all(b"desk-7" not in each.data for each in events)
    assert [each["correlation_id"] for each in told] == ["desk-7:000123"] * 2
    assert [each.get("correlation_id") for each in told_maker] == ["of-the-maker", None]

    said = [
        each
        for each in lines(telling.engine.log, api.log(0), api.log(1))
        if each.get("correlation_id") == "desk-7:000123"
    ]
    assert {(each["service"], each["message"]) for each in said} == {
        ("api", "answered 201"),
        ("api", f"command {seq}: in the journal"),
        ("engine", f"command {seq}: accepted, fill"),
    }
    (decided,) = [each for each in said if each["service"] == "engine"]
    assert (decided["seq"], decided["symbol"]) == (seq, "AAPL")
    assert decided["order_ids"] == [seq, resting.json()["order_id"]]


async def test_every_answer_has_a_name(telling: Stack) -> None:
    async with telling.api.client() as client, telling.api.client(key=None) as nobody:
        made = await client.get("/api/v1/book/AAPL")
        traced = await client.get("/api/v1/book/AAPL", headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-00"})
        refused = await client.post(ORDERS, json=order("buy", price=0.001), headers={"X-Request-ID": "too-fine"})
        unknown = await nobody.get("/api/v1/book/AAPL", headers={"X-Request-ID": "a b"})
        absent = await nobody.get("/nowhere")
    assert len(made.headers["X-Request-ID"]) == 32
    assert traced.headers["X-Request-ID"] == TRACE_ID
    assert (refused.status_code, unknown.status_code, absent.status_code) == (422, 401, 404)
    assert refused.json()["correlation_id"] == "too-fine"
    for problem in (refused, unknown, absent):
        assert problem.json()["correlation_id"] == problem.headers["X-Request-ID"] != "a b"


async def test_an_engine_that_starts_anew_names_the_same(telling: Stack, tmp_path: Path) -> None:
    """Commands that are decided by nobody for a while, and then by an engine that reads them from the journal."""
    telling.engine.kill()
    async with telling.api.client() as client:
        answer = await client.post(ORDERS, json=order("buy", price=1.0), headers={"X-Request-ID": "while-away"})
        assert answer.status_code == 202
        seq = answer.json()["order_id"]
        telling.engine.start()
        await telling.healthy()
        standby = Service("engine", tmp_path, telling.engine.environment)
        standby.start()
        try:
            while "standing by" not in (standby.log.read_text() if standby.log.exists() else ""):
                assert standby.process is not None
                assert standby.process.poll() is None
            telling.engine.kill()
            beside = await client.post(ORDERS, json=order("buy", price=1.0), headers={"X-Request-ID": "taken-over"})
            assert beside.status_code in (201, 202)
            await telling.healthy()
        finally:
            standby.stop()
            telling.engine.start()
    await telling.healthy()
    async with NatsManager(telling.settings) as nats:
        events = await everything(nats, "EVENTS")
    names = {decode_event(each.data).seq: each.correlation for each in events}
    assert (names[seq], names[beside.json()["order_id"]]) == ("while-away", "taken-over")
