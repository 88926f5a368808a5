"""Who signs: the four CIFT- headers instead of `Authorization`, for a key that has a signing secret.

`Authentication` finds out whose key it is and that the time is right, before the body is read; here the signature is
held against the whole request, and its nonce against those that were used.
"""

from __future__ import annotations

import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from redis.asyncio import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from cift.api.limits import once_more, whole_body
from cift.api.problems import Problem
from cift.api.reference import Principal, ReferenceCache
from cift.api.shared import Shared
from cift.core import signing

_HEADERS = tuple(name.lower().encode() for name in (signing.KEY, signing.TIMESTAMP, signing.NONCE, signing.SIGNATURE))
_FORMS = (rb"[0-9a-f]{64}", rb"\d{13}", rb"[A-Za-z0-9_-]{16,64}", rb"[0-9a-f]{64}")
# Of one worker: at 1,000 requests a second as many as one window holds.
KEPT_NONCES = 20_000


def refused(code: str, detail: str) -> Problem:
    """Return the 401 of a request whose signature doesn't count."""
    return Problem(401, code, "Not signed as it must be", detail, headers={"WWW-Authenticate": 'CIFT realm="cift"'})


@dataclass(frozen=True, slots=True)
class Claim:
    """What a signed request says; `secret` is what its key signs with."""

    key_id: str
    timestamp: str
    nonce: str
    signature: str
    secret: bytes


def is_signed(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a request has any of the headers of a signed one."""
    return any(name in headers for name in _HEADERS)


async def claimed(
    headers: Mapping[bytes, bytes], reference: ReferenceCache, window_s: float
) -> tuple[Claim, Principal]:
    """Return what a signed request claims, and whose key it names; raise the 401 that says what is wrong."""
    values = [headers.get(name, b"") for name in _HEADERS]
    for name, value, form in zip(_HEADERS, values, _FORMS, strict=True):
        if not re.fullmatch(form, value):
            problem = "is missing" if name not in headers else "is not of the form that the documentation says"
            raise refused("unauthorized", f"{name.decode()} {problem}")
    key_id, timestamp, nonce, signature = (value.decode() for value in values)
    found = await reference.signer(key_id)
    if found is None:
        raise refused("unauthorized", "No account has a key of that name that may sign")
    if abs(time.time() - int(timestamp) / 1000) > window_s:
        raise refused("stale_request", f"cift-timestamp must be within {window_s:g} s of the server's time")
    secret, principal = found
    return Claim(key_id, timestamp, nonce, signature, secret), principal


class Nonces:
    """Remembers what was signed for as long as a timestamp is good: with all workers, alone while the cache is away."""

    def __init__(self, shared: Shared, window_s: float) -> None:
        self._shared, self._window_s = shared, window_s
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def is_new(self, claim: Claim) -> bool:
        """Return whether this nonce of this key comes for the first time, and remember it."""
        name, now = f"nonce:{claim.key_id[:32]}:{claim.nonce}", time.monotonic()
        kept_s = 2 * self._window_s + 1
        while self._seen and (len(self._seen) >= KEPT_NONCES or next(iter(self._seen.values())) < now - kept_s):
            self._seen.popitem(last=False)
        if name in self._seen:
            return False
        self._seen[name] = now

        async def first(redis: Redis) -> bool:
            return bool(await redis.set(name, b"1", nx=True, px=int(kept_s * 1000)))

        return await self._shared.ask("nonce", first) is not False


class Signatures:
    """Let a signed request pass if its signature is right and new; others were seen to already."""

    def __init__(self, app: ASGIApp, nonces: Callable[[], Nonces]) -> None:
        self.app = app
        self.nonces = nonces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, which is known to be small enough, and hand it on whole."""
        claim: Claim | None = scope.get("state", {}).get("claim")
        if claim is None:
            return await self.app(scope, receive, send)
        body = await whole_body(receive) if scope["type"] == "http" else b""
        if body is None:
            return None
        try:
            await self._check(claim, scope, body)
        except Problem as problem:
            return await problem.response()(scope, receive, send)
        return await self.app(scope, once_more(body, receive) if scope["type"] == "http" else receive, send)

    async def _check(self, claim: Claim, scope: Scope, body: bytes) -> None:
        expected = signing.signature(
            claim.secret,
            claim.timestamp,
            claim.nonce,
            scope.get("method", "GET"),
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            body,
        )
        if not hmac.compare_digest(expected, claim.signature):
            raise refused("bad_signature", "The signature is not that of this request")
        if not await self.nonces().is_new(claim):
            raise refused("replayed_request", "A request with this nonce was answered already")
