"""Running one statement: prepare a handle, run it, collect the first of its output. All of it blocks."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from dataclasses import dataclass, field

from cift.chdb.compression import encoder
from cift.chdb.engine import STREAMED, Counts, Engine, Handle, Insert, Stream
from cift.chdb.errors import EngineError
from cift.chdb.request import Request
from cift.chdb.sessions import Session, Sessions
from cift.chdb.sql import READS, Statement

_FIRST = 1 << 20  # Output up to here is sent in one piece, with its length and a full summary.


class Lease:
    """A prepared handle for one request; `close` gives it back, once."""

    def __init__(self, engine: Engine, sessions: Sessions, user: str, request: Request, *, readonly: bool) -> None:
        self._sessions = sessions
        self._request = request
        self._session: Session | None = None
        self._closed = False
        self.readonly = readonly
        if request.session_id:
            self._session = sessions.acquire(user, request, readonly=readonly)
            self.handle: Handle = self._session.handle
        else:
            self.handle = engine.handle()

    def prepare(self, kind: str) -> None:
        """Set database and settings for a statement that begins with `kind`."""
        if self._session is not None:
            self._session.prepare(self._request, kind)
            return
        if self._request.database:
            self.handle.use(self._request.database)
        settings = dict(self._request.settings)
        if self.readonly:
            settings["readonly"] = "2"
        self.handle.set(settings)

    def close(self) -> None:
        """Free the handle, or leave it to the session."""
        if self._closed:
            return
        self._closed = True
        if self._session is not None:
            self._sessions.release(self._session, self._request.session_timeout)
        else:
            self.handle.close()


@dataclass(slots=True)
class Output:
    """What a statement gives: `pieces` so far, and `rest` when there is more. `format` is None without a result.

    A statement that fails while `rest` is read says so at the end of it, marked with `tag`, and sets `broken`.
    """

    format: str | None
    counts: Counts
    started: float
    pieces: bytes = b""
    rest: Stream | None = None
    tag: str = field(default_factory=lambda: secrets.token_hex(8))
    broken: bool = False

    def summary(self) -> str:
        """Return the value of X-ClickHouse-Summary."""
        counts = self.counts
        values = {
            "read_rows": counts.read_rows,
            "read_bytes": counts.read_bytes,
            "written_rows": counts.written_rows,
            "written_bytes": counts.written_bytes,
            "total_rows_to_read": 0,
            "result_rows": counts.result_rows or counts.written_rows,
            "result_bytes": counts.result_bytes or counts.written_bytes,
            "elapsed_ns": int((time.perf_counter() - self.started) * 1e9),
        }
        return json.dumps({name: str(value) for name, value in values.items()}, separators=(",", ":"))


@dataclass(slots=True)
class Running:
    """A statement on its handle; `close` ends it."""

    lease: Lease
    request: Request
    version: str
    started: float = field(default_factory=time.perf_counter)
    _rest: Stream | None = None

    def run(self, statement: Statement, encoding: str) -> Output:
        """Run a statement that brings no data; closes the lease unless there is more to come."""
        try:
            output = self._start(statement, encoding)
        except BaseException:
            self.close()
            raise
        if output.rest is None:
            self.close()
        return output

    def _start(self, statement: Statement, encoding: str) -> Output:
        request = self.request
        self.lease.prepare(statement.kind)
        name = statement.format or request.default_format
        sql = statement.head.decode(errors="surrogateescape")
        has_result = statement.kind in READS
        if statement.kind not in ("SELECT", "WITH") or name not in STREAMED:
            plain, counts = self.lease.handle.query(sql, name, request.params)
            pack = encoder(encoding)
            return Output(
                name if has_result or plain else None, counts, self.started, pack.compress(plain) + pack.flush()
            )
        counts = Counts()
        output = Output(name, counts, self.started)
        self._rest = rest = self._packed(self.lease.handle.stream(sql, name, request.params, counts), encoding, output)
        collected = []
        size = 0
        for piece in rest:
            collected.append(piece)
            size += len(piece)
            if size >= _FIRST:
                output.rest = rest
                break
        output.pieces = b"".join(collected)
        return output

    def _packed(self, plain: Stream, encoding: str, output: Output) -> Stream:
        pack = encoder(encoding)
        try:
            # The statement has to end before its handle does, also when this is closed half way.
            with contextlib.closing(plain):
                for piece in plain:
                    if packed := pack.compress(piece):
                        yield packed
        except EngineError as error:
            if output.rest is None:
                raise
            output.broken = True
            yield pack.compress(_failure_note(error.sentence(self.version), output.tag))
        if packed := pack.flush():
            yield packed

    def close(self) -> None:
        """End the statement and free its handle."""
        if self._rest is not None:
            self._rest.close()
        self.lease.close()

    def insert(self, statement: Statement) -> Insert:
        """Start an INSERT that brings data; the caller feeds it and closes the lease."""
        self.lease.prepare(statement.kind)
        source = statement.format or (self.request.default_format if self.request.names_format else "Values")
        return self.lease.handle.insert(statement.head.decode(), source, self.request.params)


def _failure_note(sentence: str, tag: str) -> bytes:
    """Write an error the way that clients look for it after a part of the result."""
    line = f"{sentence}\n".encode()
    mark = b"__exception__\r\n"
    return b"\r\n%b%b\r\n%b%d %b\r\n%b" % (mark, tag.encode(), line, len(line), tag.encode(), mark)


def check_readonly(statement: Statement, *, get: bool) -> None:
    """Refuse to change anything by GET, which proxies and browsers repeat as they like."""
    if get and statement.kind not in READS:
        raise EngineError.of(164, "Cannot execute query in readonly mode: method GET implies readonly, use POST")
