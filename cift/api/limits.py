"""Refuse a body that is too large before anything parses or keeps it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cift.api.problems import FieldError, invalid


async def whole_body(receive: Receive, max_bytes: int | None = None) -> bytes | None:
    """Return a request's body, or as much as is more than `max_bytes`; None when the client went away."""
    body = bytearray()
    more = True
    while more and (max_bytes is None or len(body) <= max_bytes):
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def once_more(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then what `receive` gives."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


class BodyLimit:
    """Answer 422 to a body of more than `max_bytes`.

    A declared length decides at once, and the server holds the client to it. A body without one (chunked) is read here,
    up to the limit, and handed on whole: nobody behind this middleware sees a part of a body that is refused later.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on once its body is known to be small enough."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self.max_bytes:
            return await self._refuse(scope, receive, send)
        if b"transfer-encoding" not in headers:
            return await self.app(scope, receive, send)

        body = await whole_body(receive, self.max_bytes)
        if body is None:
            return None
        if len(body) > self.max_bytes:
            return await self._refuse(scope, receive, send)
        return await self.app(scope, once_more(body, receive), send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = invalid([FieldError(field="body", message=f"must not exceed {self.max_bytes} bytes")])
        await problem.response()(scope, receive, send)
