"""Who calls: `Authorization: Bearer <key>` on everything below /api/, checked before the body is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from cift.api.problems import Problem
from cift.api.reference import Principal, ReferenceCache
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


class Authentication:
    """Put the caller's `Principal` into the request's state, or answer 401."""

    def __init__(self, app: ASGIApp, reference: Callable[[], ReferenceCache]) -> None:
        self.app = app
        self.reference = reference

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on once its key is known; a WebSocket is refused before its handshake is."""
        if scope["type"] == "lifespan" or not scope["path"].startswith(PROTECTED):
            return await self.app(scope, receive, send)
        headers = dict(reversed(scope["headers"]))
        header = headers.get(b"authorization")
        if scope["type"] == "websocket" and header is None and b"origin" in headers:
            return await self.app(scope, receive, send)  # a browser: see cift/api/live/sign_in.py
        try:
            key = bearer_key(header)
            principal = await self.reference().principal(key)
            if principal is None:
                raise unauthorized("No account has this key")
        except Problem as problem:
            return await problem.response()(scope, receive, send)
        scope.setdefault("state", {}).update(key=key, principal=principal)
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
