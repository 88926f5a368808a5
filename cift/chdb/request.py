"""What an HTTP request asks for, told apart into statement, parameters, settings and what the service itself obeys."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP

from cift.chdb.errors import EngineError

# The HTTP interface consumes these itself; everything else in the URL is a setting of the engine, which knows them all.
_OWN = frozenset(
    (
        *("query", "database", "default_format", "user", "password", "query_id", "quota_key", "stacktrace"),
        *("session_id", "session_timeout", "session_check", "buffer_size", "wait_end_of_query", "role"),
        *("compress", "decompress", "enable_http_compression", "client_protocol_version"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        "cancel_http_readonly_queries_on_client_close",
    )
)
_REFUSED = {
    "compress": "use Accept-Encoding with enable_http_compression=1",
    "decompress": "use Content-Encoding",
    "role": "grants are fixed in the configuration",
}
_TRUE = ("1", "true")
MAX_SESSION_TIMEOUT_S = 3600


@dataclass(slots=True)
class Request:
    """One statement to run; `session_id` is empty for a request of its own."""

    query: bytes = b""
    query_id: str = ""
    database: str = ""
    default_format: str = "TabSeparated"
    names_format: bool = False
    params: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    session_id: str = ""
    session_timeout: int = 60
    session_check: bool = False
    compress: bool = False


def parse(url: Iterable[tuple[str, str]], headers: Mapping[str, str]) -> Request:
    """Read a request's URL parameters and headers.

    Raises:
        EngineError: 48 for what this service doesn't do, 62 for a number that is none.
    """
    values = dict(url)
    for name, instead in _REFUSED.items():
        if values.get(name, "0").lower() not in ("", "0", "false"):
            raise EngineError.of(48, f"URL parameter {name!r} is not supported here; {instead}")
    named = values.get("default_format") or headers.get("x-clickhouse-format")
    request = Request(
        query=values.get("query", "").encode(),
        query_id=values.get("query_id") or headers.get("x-clickhouse-query-id") or str(uuid.uuid4()),
        database=values.get("database") or headers.get("x-clickhouse-database") or "",
        default_format=named or "TabSeparated",
        names_format=named is not None,
        session_id=values.get("session_id", ""),
        session_timeout=_seconds(values.get("session_timeout", "60")),
        session_check=values.get("session_check") in _TRUE,
        compress=values.get("enable_http_compression", "0").lower() in _TRUE,
    )
    for name, value in values.items():
        if name.startswith("param_"):
            request.params[name[len("param_") :]] = value
        elif name not in _OWN:
            request.settings[name] = value
    if not all(ord(" ") < ord(letter) < 127 for letter in request.query_id):
        raise EngineError.of(62, "Syntax error: query_id has to be printable ASCII without blanks")
    return request


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_SESSION_TIMEOUT_S:
        raise EngineError.of(62, f"Syntax error: session_timeout {text!r}: expected 1 to {MAX_SESSION_TIMEOUT_S}")
    return int(text)


def add_form(request: Request, content_type: str, body: bytes) -> None:
    """Add the fields of a multipart form: the statement and its parameters, when they are too long for a URL."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None or not isinstance(name, str):
            raise EngineError.of(48, "External data (a table sent with the query) is not supported here")
        payload = part.get_payload(decode=True)
        value = payload if isinstance(payload, bytes) else b""
        if name == "query":
            request.query += value
        elif name.startswith("param_"):
            request.params[name[len("param_") :]] = value.decode()
        else:
            raise EngineError.of(48, f"Form field {name!r} is not supported here; expected query or param_*")
