"""GET /metrics for Prometheus, and what is counted.

Workers that share a socket share the folder PROMETHEUS_MULTIPROC_DIR too: each writes its numbers there, whichever
answers adds them up. CIFT_API_INSTANCE names a worker's files, so that it counts on after a restart.
"""

from __future__ import annotations

import os
import time

from fastapi import APIRouter
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if _instance := os.environ.get("CIFT_API_INSTANCE"):
    values.ValueClass = values.MultiProcessValue(lambda: _instance)  # type: ignore[no-untyped-call]

_BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0, 5.0)

REQUESTS = Counter("cift_http_requests_total", "Answered requests", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "cift_http_request_seconds", "From a request's head to its answer", ["route"], buckets=_BUCKETS
)
ORDERS = Counter("cift_orders_total", "Orders by their status on arrival", ["status"])
OUTCOME_SECONDS = Histogram(
    "cift_order_outcome_seconds", "From appending a command to the engine's last event", buckets=_BUCKETS
)
CACHE_AWAY = Counter(
    "cift_api_cache_away_total", "Questions that each worker answered alone for want of the cache", ["what"]
)
RATE_LIMITED = Counter("cift_api_rate_limited_total", "Requests refused because their key asked too often")
AUDIT_LOST = Counter("cift_api_audit_lost_total", "Entries of the audit log that were not stored")
AUDIT_WAITING = Gauge(
    "cift_api_audit_waiting", "Entries of the audit log on their way to NATS", multiprocess_mode="livesum"
)
IN_FLIGHT = Gauge("cift_api_in_flight", "Commands that wait for the journal or the engine", multiprocess_mode="livesum")
ENGINE_LAG = Gauge(
    "cift_api_engine_lag", "Commands that the engine was behind when last asked", multiprocess_mode="max"
)
REFUSED = Counter("cift_api_overloaded_total", "Commands refused for want of room", ["reason"])
STREAM_CONNECTIONS = Gauge("cift_stream_connections", "WebSockets that are open", multiprocess_mode="sum")
STREAM_MESSAGES = Counter("cift_stream_messages_total", "Messages sent on WebSockets")
STREAM_CUT_OFF = Counter("cift_stream_cut_off_total", "WebSockets closed because their client read too slowly")

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics() -> Response:
    """Return every counter in Prometheus' text format."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Measured:
    """Count and time every request under its route's template, so that ids in paths don't multiply the series."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look at its answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            REQUESTS.labels(scope["method"], route, str(status)).inc()
            REQUEST_SECONDS.labels(route).observe(time.perf_counter() - started)
