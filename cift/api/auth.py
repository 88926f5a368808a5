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


def _unauthorized(detail: str) -> Problem:
    challenge = {"WWW-Authenticate": 'Bearer realm="cift"'}
    return Problem(401, "unauthorized", "Who are you?", detail, headers=challenge)


def bearer_key(header: bytes | None) -> str:
    """Return the key in an Authorization header; raise the 401 that says what is wrong with it."""
    if header is None:
        raise _unauthorized("Send the header: Authorization: Bearer <key>")
    scheme, _, key = header.partition(b" ")
    key = key.strip()
    if scheme.lower() != b"bearer" or not key or len(key) > MAX_KEY_LENGTH or not key.isascii():
        raise _unauthorized("Expected the header: Authorization: Bearer <key>")
    return key.decode()


class Authentication:
    """Put the caller's `Principal` into the request's state, or answer 401."""

    def __init__(self, app: ASGIApp, reference: Callable[[], ReferenceCache]) -> None:
        self.app = app
        self.reference = reference

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on once its key is known."""
        if scope["type"] != "http" or not scope["path"].startswith(PROTECTED):
            return await self.app(scope, receive, send)
        try:
            header = next((value for name, value in scope["headers"] if name == b"authorization"), None)
            principal = await self.reference().principal(bearer_key(header))
            if principal is None:
                raise _unauthorized("No account has this key")
        except Problem as problem:
            return await problem.response()(scope, receive, send)
        scope.setdefault("state", {})["principal"] = principal
        return await self.app(scope, receive, send)


def _requires(needed: database.Scope) -> Callable[..., Awaitable[Principal]]:
    async def check(
        request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Principal:
        principal: Principal = request.state.principal
        if needed not in principal.scopes:
            raise Problem(403, "forbidden", "Not with this key", f"This needs a key with the scope {needed}")
        return principal

    return check


Trader = Annotated[Principal, Depends(_requires("trade"))]
Reader = Annotated[Principal, Depends(_requires("read"))]
