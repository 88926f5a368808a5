"""Traces: one of a request through the API, the journal and the engine to the recorder's insert, and none unasked."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from cift.core.nats_manager import NatsManager
from tests.servers.otlp import OtlpReceiver
from tests.servers.stack import Stack

ORDERS = "/api/v1/orders"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5  # SpanKind in opentelemetry-proto
ORDER = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": 5, "price": 187.25}


@pytest.fixture
async def traced(trading_stack: Stack, otlp_receiver: OtlpReceiver) -> AsyncIterator[Stack]:
    """The stack, which traces what its callers ask for and nothing else."""
    stack = trading_stack
    own = {"CIFT_OTLP_ENDPOINT": otlp_receiver.url, "CIFT_OTLP_SAMPLE": "0", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    before = [part.environment for part in (stack.engine, stack.recorder, stack.api)]
    for part in (stack.engine, stack.recorder, stack.api):
        part.stop()
        part.environment = part.environment | own
        part.start()
    await stack.healthy()
    yield stack
    for part, environment in zip((stack.engine, stack.recorder, stack.api), before, strict=True):
        part.stop()
        part.environment = environment
        part.start()


async def test_a_sampled_request_is_one_trace(traced: Stack, otlp_receiver: OtlpReceiver) -> None:
    async with traced.api.client() as client:
        untraced = await client.post(ORDERS, json=ORDER)
        asked_not_to = await client.post(ORDERS, json=ORDER, headers={"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-00"})
        answer = await client.post(ORDERS, json=ORDER, headers={"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"})
    assert [each.status_code for each in (untraced, asked_not_to, answer)] == [201] * 3
    names = (f"POST {ORDERS}", "publish orders", "decide", "insert order_events")
    spans = await otlp_receiver.wait(*names)
    request, publish, decide, insert = (spans[name] for name in names)
    assert {(span.trace_id, span.parent_id) for span in (request, publish, decide)} == {
        (TRACE_ID, SPAN_ID),
        (TRACE_ID, request.span_id),
        (TRACE_ID, publish.span_id),
    }
    assert (request.kind, publish.kind, decide.kind, insert.kind) == (SERVER, PRODUCER, CONSUMER, CLIENT)
    assert [span.service for span in (request, publish, decide, insert)] == [
        "cift-api",
        "cift-api",
        "cift-engine",
        "cift-recorder",
    ]
    assert (insert.trace_id, insert.parent_id, insert.links) == (TRACE_ID, publish.span_id, (publish.span_id,))
    assert request.began <= publish.began <= decide.began <= decide.ended <= request.ended
    assert request.attributes["http.response.status_code"] == 201
    assert request.attributes["cift.correlation_id"] == TRACE_ID
    assert decide.attributes["cift.seq"] == answer.json()["order_id"]
    await asyncio.sleep(0.5)
    assert [span.name for span in otlp_receiver.spans].count("decide") == 1
    async with NatsManager(traced.settings) as nats:
        commands = [await nats.js.get_msg("ORDERS", each.json()["order_id"]) for each in (untraced, asked_not_to)]
    assert all("traceparent" not in (each.headers or {}) for each in commands)


def test_without_an_endpoint_nothing_is_imported() -> None:
    program = "import sys, cift.api.main, cift.services.engine, cift.core.tracing as t; from cift.core.config import *;"
    # FastAPI brings the interface along, and redis looks for metrics: neither makes or sends spans.
    program += "t.start('x', Settings()); print([name for name in sys.modules if 'opentelemetry.sdk.trace' in name"
    program += " or 'opentelemetry.exporter' in name or name == 'requests'])"
    done = subprocess.run([sys.executable, "-c", program], env=dict(os.environ), capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_where_it_is_not_installed_it_says_so() -> None:
    program = "import sys; sys.modules['opentelemetry.sdk.trace.export'] = None\n"
    program += "from cift.services import engine; sys.argv[1:] = ['--metrics-port', '0']\n"
    program += "sys.exit(engine.run('engine', '', 0, engine.work))"
    own = {"CIFT_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 2
    assert "CIFT_OTLP_ENDPOINT is set, but opentelemetry.sdk.trace.export is not installed" in done.stderr
