"""The application, which `python -m cift.api` serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from cift.api import (
    accounting,
    analytics,
    batch,
    book,
    health,
    metrics,
    openapi,
    orders,
    problems,
    reading,
    risk,
    risk_limits,
    sessions,
    stream,
)
from cift.api.audit import Audited
from cift.api.auth import Authentication
from cift.api.backend import opened
from cift.api.correlated import Correlated
from cift.api.limits import BodyLimit
from cift.api.rates import RateLimit
from cift.api.signatures import Signatures
from cift.core import tracing
from cift.core.config import Settings, get_settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; without `settings` it reads the environment."""
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings) as backend:
            app.state.backend = backend
            app.state.health = health.Health(backend)
            yield

    app = FastAPI(
        title="CIFT Markets",
        version=version("cift"),
        summary="Place orders, watch books.",
        description="Every refusal is an RFC 9457 problem with a stable `code`, and names the field at fault.",
        lifespan=lifespan,
        telemetry={
            "tracing": tracing.provider() is not None,
            "tracer_provider": tracing.provider(),
            "operation_spans": False,
            "metrics": False,
            "logs": False,
        },
        redoc_url=None,
    )
    problems.install(app)
    for module in (
        reading, orders, batch, accounting, risk, risk_limits, sessions, book, analytics, stream, health, metrics,
    ):  # fmt: skip
        app.include_router(module.router)
    openapi.describe(app)
    # The last one added is the first to see a request.
    app.add_middleware(Audited, audit=lambda: app.state.backend.audit)
    app.add_middleware(RateLimit, rates=lambda: app.state.backend.rates)
    app.add_middleware(Signatures, nonces=lambda: app.state.backend.nonces)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(
        Authentication, reference=lambda: app.state.backend.reference, window_s=settings.signature_window_s
    )
    app.add_middleware(metrics.Measured)
    app.add_middleware(Correlated)
    return app


app = create_app()
