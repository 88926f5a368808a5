"""Who calls: `Authorization: Bearer <key>` on everything below /api/, checked before the body is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from cift.api.problems import Problem
from cift.api.reference import Principal, ReferenceCache
from cift.api.signatures import claimed, is_signed, refused
from cift.core import database

PROTECTED = "/api/"
MAX_KEY_LENGTH = 512
# Only describes the scheme to OpenAPI and its clients; `Authentication` below enforces it.
_bearer = HTTPBearer(auto_error=False, description="A key made by `cift reference key` and loaded for an account.")


def unauthorized(detail: str) -> Problem:
    """Return the 401 that says how to say who one is."""
    challenge = {"WWW-Authenticate": 'Bearer realm="cift"'}
    return Problem(401, "unauthorized", "Who are you?", detail, headers=challenge)


def bearer_key(header: bytes | None) -> str:
    """Return the key in an Authorization header; raise the 401 that says what is wrong with it."""
    if header is None:
        raise unauthorized("Send the header: Authorization: Bearer <key>")
    scheme, _, key = header.partition(b" ")
    key = key.strip()
    if scheme.lower() != b"bearer" or not key or len(key) > MAX_KEY_LENGTH or not key.isascii():
        raise unauthorized("Expected the header: Authorization: Bearer <key>")
    return key.decode()


async def bearer(reference: ReferenceCache, header: bytes | None) -> Principal:
    """Return whose key an Authorization header has; raise the 401 of nobody's, and of one that must sign."""
    principal = await reference.principal(bearer_key(header))
    if principal is None:
        raise unauthorized("No account has this key")
    if principal.must_sign:
        raise refused("signature_required", "This key must sign its requests instead of being sent with them")
    return principal


class Authentication:
    """Put the caller's `Principal` into the request's state, or answer 401; `Signatures` has the last word on some."""

    def __init__(self, app: ASGIApp, reference: Callable[[], ReferenceCache], window_s: float) -> None:
        self.app = app
        self.reference = reference
        self.window_s = window_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on once its key is known; a WebSocket is refused before its handshake is."""
        if scope["type"] == "lifespan" or not scope["path"].startswith(PROTECTED):
            return await self.app(scope, receive, send)
        headers = dict(reversed(scope["headers"]))
        header = headers.get(b"authorization")
        state = scope.setdefault("state", {})
        if scope["type"] == "websocket" and header is None and b"origin" in headers:
            return await self.app(scope, receive, send)  # a browser: see cift/api/live/sign_in.py
        try:
            if is_signed(headers):
                state["claim"], state["principal"] = await claimed(headers, self.reference(), self.window_s)
            else:
                state["principal"] = await bearer(self.reference(), header)
        except Problem as problem:
            return await problem.response()(scope, receive, send)
        return await self.app(scope, receive, send)


def allowed(principal: Principal, needed: database.Scope) -> Principal:
    """Return the principal; raise the 403 of one whose key may not do what is `needed`."""
    if needed not in principal.scopes:
        raise Problem(403, "forbidden", "Not with this key", f"This needs a key with the scope {needed}")
    return principal


def _requires(needed: database.Scope) -> Callable[..., Awaitable[Principal]]:
    async def check(
        request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Principal:
        return allowed(request.state.principal, needed)

    return check


Trader = Annotated[Principal, Depends(_requires("trade"))]
Reader = Annotated[Principal, Depends(_requires("read"))]
RiskOfficer = Annotated[Principal, Depends(_requires("risk"))]
