"""Sessions: a handle that stays open between requests, with its settings, database and temporary tables.

A request's URL settings hold for that request alone, also in a session: what they replaced is remembered and put back
before a request comes with others. Clients send the same ones every time, so mostly nothing has to be done.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from cift.chdb.engine import Engine, Handle
from cift.chdb.errors import EngineError
from cift.chdb.request import Request


@dataclass(slots=True)
class Session:
    """One open handle and how the last request left it."""

    handle: Handle
    readonly: bool = False
    busy: bool = True
    expires: float = 0.0
    database: str = ""
    applied: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def prepare(self, request: Request, kind: str) -> None:
        """Bring database and settings to what the request says; `kind` is the statement's first word."""
        if request.database and request.database != self.database:
            self.handle.use(request.database)
        # After USE nobody knows the database any more.
        self.database = "" if kind == "USE" else request.database or self.database
        wanted = {} if kind == "SET" else request.settings
        if wanted != self.applied:
            self._put_back()
            self.replaced = self.handle.values_of(wanted) if wanted else {}
            self.applied = dict(wanted)
            try:
                self.handle.set(wanted)
            except EngineError:
                self._put_back()
                raise

    def _put_back(self) -> None:
        for name, (value, changed) in self.replaced.items():
            if changed:
                self.handle.set({name: value})
            else:
                self.handle.query(f"SET {name} = DEFAULT")
        self.applied, self.replaced = {}, {}


class Sessions:
    """All open sessions, by user and id; each serves one request at a time."""

    def __init__(self, engine: Engine, limit: int = 1000) -> None:
        self._engine = engine
        self._limit = limit
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], Session] = {}

    def acquire(self, user: str, request: Request, *, readonly: bool) -> Session:
        """Return the request's session, opened if need be; `release` has to follow.

        Raises:
            EngineError: 373 while another request uses it, 372 when it has to exist and doesn't, 202 when there are
                too many.
        """
        key = (user, request.session_id)
        with self._lock:
            self._close_expired()
            session = self._open.get(key)
            if session is None:
                if request.session_check:
                    raise EngineError.of(372, f"Session {request.session_id} not found")
                if len(self._open) >= self._limit:
                    raise EngineError.of(202, f"Too many sessions: there are {self._limit} already")
                session = self._open[key] = Session(self._engine.handle())
            elif session.busy:
                raise EngineError.of(373, f"Session {request.session_id} is locked by a concurrent client")
            session.busy = True
        if readonly and not session.readonly:
            session.handle.set({"readonly": "2"})
            session.readonly = True
        return session

    def release(self, session: Session, timeout: float) -> None:
        """Let the next request have it, until `timeout` seconds have passed without one."""
        session.expires = time.monotonic() + timeout
        session.busy = False

    def _close_expired(self) -> None:
        now = time.monotonic()
        for key in [key for key, session in self._open.items() if not session.busy and session.expires < now]:
            self._open.pop(key).handle.close()

    def close(self) -> None:
        """Close every session."""
        with self._lock:
            for session in self._open.values():
                session.handle.close()
            self._open.clear()
