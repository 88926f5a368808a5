"""Every request has a name: its own `X-Request-ID`, its trace's id, or one made here; its answer says which."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cift.core import tracing
from cift.core.correlation import of_request, serve

log = logging.getLogger(__name__)

HEADER = b"x-request-id"


class Correlated:
    """Give a request its name before anybody else sees it, and its answer the header `X-Request-ID`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer back; at level debug write down what it was answered with."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        origin = of_request(dict(scope["headers"]))
        # Each request is served by a task of its own, so nothing needs to be taken back.
        serve(origin)
        if scope["type"] == "websocket":
            return await self.app(scope, receive, send)
        tracing.note({"cift.correlation_id": origin.correlation})
        started, telling = time.perf_counter(), log.isEnabledFor(logging.DEBUG)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", []).append((HEADER, origin.correlation.encode()))
                if telling:
                    _tell(scope, message["status"], time.perf_counter() - started)
            await send(message)

        await self.app(scope, receive, named)


def _tell(scope: Scope, status: int, seconds: float) -> None:
    method, path = scope["method"], scope["path"]
    about = {"method": method, "path": path, "status": status, "milliseconds": round(seconds * 1e3, 3)}
    log.debug("answered %d", status, extra=about)
