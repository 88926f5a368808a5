"""A receiver of OTLP over HTTP, written for the tests: it takes what a collector takes, decodes it, and keeps it.

No collector can be had from the package sources as a program; what it reads is OpenTelemetry's own opentelemetry-proto.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True)
class Span:
    """One span; ids in hex, `links` the ids of spans that it has to do with."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    began: int
    ended: int
    attributes: dict[str, Any] = field(compare=False, default_factory=dict)


class OtlpReceiver:
    """`url` is for CIFT_OTLP_ENDPOINT; `spans` is what came until now."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                right = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
                if right:
                    receiver.spans += list(_spans(body))
                self.send_response(200 if right else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    async def wait(self, *names: str, within_s: float = 20.0) -> dict[str, Span]:
        """Return the newest span of each name once there is one of each."""
        deadline = time.monotonic() + within_s
        while missing := set(names) - {span.name for span in self.spans}:
            assert time.monotonic() < deadline, (missing, self.spans)
            await asyncio.sleep(0.05)
        return {span.name: span for span in self.spans}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _spans(body: bytes) -> Iterator[Span]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    def plain(attributes: Any) -> dict[str, Any]:
        return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}

    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = plain(of_resource.resource.attributes)["service.name"]
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    service,
                    span.name,
                    span.kind,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    tuple(link.span_id.hex() for link in span.links),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    plain(span.attributes),
                )


@pytest.fixture
def otlp_receiver() -> Iterator[OtlpReceiver]:
    receiver = OtlpReceiver()
    yield receiver
    receiver.close()
