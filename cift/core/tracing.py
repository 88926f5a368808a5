"""Spans by OpenTelemetry where CIFT_OTLP_ENDPOINT names a collector; without one nothing is imported and nothing done.

A sampled request is a trace: the API's span, its publishing to the journal, the engine's decision and the recorder's
inserts. Context travels as the W3C's `traceparent`, on NATS as a header beside the correlation id. Only what is sampled
carries one, so an engine spends nothing on the rest.

The API's span is FastAPI's own, by the provider that is started here.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from cift.core.config import Settings
from cift.core.correlation import TRACE

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | float | bool
Attributes = dict[str, Value]

_provider: TracerProvider | None = None
_tracer: Tracer | None = None


class TracingError(RuntimeError):
    """Traces are wanted, and can't be made."""


def start(service: str, settings: Settings) -> None:
    """Send this process' spans to the collector of the settings, if they name one.

    Raises:
        TracingError: OpenTelemetry isn't installed.
    """
    global _provider, _tracer
    if not settings.otlp_endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as error:
        raise TracingError(
            f"CIFT_OTLP_ENDPOINT is set, but {error.name} is not installed; install cift[tracing], or leave it empty"
        ) from None
    about = {
        "service.name": f"cift-{service}",
        "service.version": version("cift"),
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
    }
    _provider = TracerProvider(
        resource=Resource.create(about), sampler=ParentBased(TraceIdRatioBased(settings.otlp_sample))
    )
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = _provider.get_tracer("cift")


def stop() -> None:
    """Send what is left, and make no more spans."""
    global _provider, _tracer
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


def provider() -> TracerProvider | None:
    """Return what makes spans; None where nothing is traced."""
    return _provider


def note(attributes: Attributes) -> None:
    """Add to the current span."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(attributes)


@contextmanager
def span(name: str, kind: Kind, attributes: Attributes) -> Iterator[None]:
    """Make a span of what is done inside, under the span that is current."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace import SpanKind

    with _tracer.start_as_current_span(name, kind=SpanKind[kind.upper()], attributes=attributes):
        yield


@contextmanager
def batch(name: str, kind: Kind, traces: Iterable[str]) -> Iterator[None]:
    """Make a span of what is done inside for many messages at once, if any of them is traced.

    `traces` are their traceparents, empty for one that isn't. The span is under the first of them, and linked to all.
    """
    parents = [each for each in traces if each] if _tracer is not None else []
    if _tracer is None or not parents:
        yield
        return
    from opentelemetry.trace import Link, SpanKind, get_current_span

    links = [Link(get_current_span(_context(each)).get_span_context()) for each in dict.fromkeys(parents)]
    first = _context(parents[0])
    with _tracer.start_as_current_span(name, context=first, kind=SpanKind[kind.upper()], links=links):
        yield


def past(name: str, kind: Kind, *, parent: str, began: int, ended: int, attributes: Attributes) -> None:
    """Make a span, under the traceparent `parent`, of what is over; times in nanoseconds since 1970 (UTC)."""
    if _tracer is None:
        return
    from opentelemetry.trace import SpanKind

    made = _tracer.start_span(
        name, context=_context(parent), kind=SpanKind[kind.upper()], attributes=attributes, start_time=began
    )
    made.end(ended)


def traceparent() -> str:
    """Return the current span as a traceparent; empty where it isn't sampled."""
    if _tracer is None:
        return ""
    from opentelemetry.trace import get_current_span

    found = get_current_span().get_span_context()
    if not (found.is_valid and found.trace_flags.sampled):
        return ""
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-01"


def _context(parent: str) -> Context:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({TRACE: parent})
