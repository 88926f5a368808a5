"""QuestDB over HTTP: rows by its line protocol and its own client, statements by `/exec`.

A request of rows for one table is stored whole or not at all, and tables have keys (`cift/schema/questdb`), so that a
request whose outcome is unknown is simply repeated. What was stored becomes visible a moment later, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from questdb import Protocol, QuestDBError, QuestDBErrorCode, Sender, TimestampNanos

from cift.core.client_metrics import timed
from cift.core.config import Settings

TABLES = ("trades", "book_top")
"""The tables that the recorder feeds."""

SYMBOLS = frozenset({"symbol", "side"})
"""Their columns of type SYMBOL; the line protocol tells them from others."""

Rows = Sequence[Mapping[str, Any]]
_TIMEOUT_S = 10.0
# What the client calls it when nobody was there to refuse anything.
_AWAY = (QuestDBErrorCode.SocketError, QuestDBErrorCode.CouldNotResolveAddr, QuestDBErrorCode.ProtocolVersionError)


class QuestDBRefusedError(RuntimeError):
    """QuestDB refused what it was asked; the message says what and why."""


class QuestDBUnavailableError(ConnectionError):
    """Nobody answers. What was asked may still have been done: repeat it."""


class QuestDB:
    """Use: `async with QuestDB(settings) as questdb: await questdb.insert("trades", rows)`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._password = settings.questdb_password.get_secret_value()
        self._http: httpx.AsyncClient | None = None
        self._sender: Sender | None = None

    @property
    def where(self) -> str:
        """Return host and port, for messages."""
        return f"QuestDB at {self._settings.questdb_host}:{self._settings.questdb_http_port}"

    async def __aenter__(self) -> QuestDB:
        # Not an environment's proxy: the store is on our own network.
        self._http = httpx.AsyncClient(
            base_url=f"http://{self._settings.questdb_host}:{self._settings.questdb_http_port}",
            auth=(self._settings.questdb_user, self._password),
            timeout=_TIMEOUT_S,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._drop_sender()
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def execute(self, sql: str) -> list[list[Any]]:
        """Run one statement and return its rows. QuestDB binds nothing here: `sql` is of our own words alone."""
        if self._http is None:
            raise QuestDBUnavailableError(f"{self.where}: not connected; use async with")
        try:
            with timed("questdb", "query"):
                answer = await self._http.get("/exec", params={"query": sql})
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise QuestDBRefusedError(f"{self.where}: found no such user and password; check QUESTDB_*")
            said = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise QuestDBUnavailableError(f"{self.where}: {reason}; is it running there?") from error
        if "error" in said:
            raise QuestDBRefusedError(f"{self.where}: {said['error']}")
        return list(said.get("dataset", []))

    async def last_stream_seq(self, table: str) -> int:
        """Return the greatest stream sequence that a table shows; 0 when it is empty."""
        if table not in TABLES:
            raise ValueError(f"table: found {table!r}, expected one of {', '.join(TABLES)}")
        return int((await self.execute(f"SELECT max(stream_seq) FROM {table}"))[0][0] or 0)  # noqa: S608

    async def insert(self, table: str, rows: Rows) -> None:
        """Store rows, all in one request; `ts` is in nanoseconds since 1970, an entry of None is left empty."""
        if rows:
            with timed("questdb", "insert"):
                await asyncio.to_thread(self._send, table, rows)

    def _send(self, table: str, rows: Rows) -> None:
        try:
            if self._sender is None:  # an idle one has a length of 0, and is false
                self._sender = self._connect()
            sender = self._sender
            for row in rows:
                symbols = {name: value for name, value in row.items() if name in SYMBOLS}
                columns = {name: value for name, value in row.items() if name not in SYMBOLS and name != "ts"}
                sender.row(table, symbols=symbols, columns=columns, at=TimestampNanos(row["ts"]))
            sender.flush()
        except QuestDBError as error:
            self._drop_sender()  # with the rows in its buffer
            if error.code in _AWAY:
                raise QuestDBUnavailableError(f"{self.where}: {error}; is it running there?") from error
            raise QuestDBRefusedError(f"{self.where}: {error}") from error

    def _connect(self) -> Sender:
        sender = Sender(
            Protocol.Http,
            self._settings.questdb_host,
            self._settings.questdb_http_port,
            username=self._settings.questdb_user,
            password=self._password,
            auto_flush=False,
            # Repeating is the caller's: he logs it, and knows when to stop.
            retry_timeout=0,
            request_timeout=int(_TIMEOUT_S * 1000),
        )
        sender.establish()  # type: ignore[no-untyped-call]
        return sender

    def _drop_sender(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close(flush=False)
