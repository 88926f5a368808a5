"""One name for all that a request caused: in its answer, in the journal, on its events, and in every log line about it.

It travels beside what is decided, in headers of NATS messages, never within: the engine decides from payloads alone,
and gives a command's events the headers that the command has. An engine that stands by, or that starts anew, reads the
same ones from the journal.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple

# The headers of NATS messages; cift_core has the same names. The second is the W3C's.
CORRELATION = "Cift-Correlation-Id"
TRACE = "traceparent"

_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,63}")
# https://www.w3.org/TR/trace-context/#traceparent-header: version, trace id, parent id, flags, in hexadecimal digits;
# no id is all zeros, and version ff is none.
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Origin(NamedTuple):
    """Which request is served, and its place in a trace; empty where there is none."""

    correlation: str = ""
    trace: str = ""


NOBODY = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=NOBODY)


def origin(correlation: str, trace: str) -> dict[str, str]:
    """Return the headers of a NATS message that goes back to a request."""
    headers = {CORRELATION: correlation} if correlation else {}
    if trace:
        headers[TRACE] = trace
    return headers


def current() -> Origin:
    """Return the request that this task serves."""
    return _current.get()


def serve(served: Origin) -> None:
    """Say which request this task serves from here on."""
    _current.set(served)


def of_request(headers: Mapping[bytes, bytes]) -> Origin:
    """Return what an HTTP request says that it is: `X-Request-ID`, else its trace's id, else a name made here.

    `headers` have lower case names. A name of up to 64 characters (letters, digits and ._:/+=-, a letter or digit
    first) and a traceparent as the W3C has it are well formed; what isn't counts as none, as the W3C asks for.
    """
    traced = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
    named = _NAME.fullmatch(headers.get(b"x-request-id", b""))
    known = named[0] if named else traced[1] if traced else None
    correlation = known.decode() if known else secrets.token_hex(16)
    return Origin(correlation, traced[0].decode() if traced else "")
