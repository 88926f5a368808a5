"""The HTTP interface: `/ping`, and `/` for statements with their data, as ClickHouse's clients speak to a server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cift.chdb import sql
from cift.chdb.compression import Decoder, choose
from cift.chdb.engine import Engine
from cift.chdb.errors import EngineError
from cift.chdb.execution import Lease, Output, Running, check_readonly
from cift.chdb.request import Request, add_form, parse
from cift.chdb.sessions import Sessions
from cift.chdb.users import User, authenticate

_T = TypeVar("_T")
_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Pretty": "text/plain; charset=UTF-8",
    "PrettyCompact": "text/plain; charset=UTF-8",
}
_HEAD = 64 * 1024  # of a body is read before a statement that brings data is looked for
_BATCH = 1 << 20  # of data is handed to the engine at a time


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes: of a whole body, of a statement; and how many statements run at once."""

    body: int = 4 << 30
    statement: int = 16 << 20
    concurrency: int = 8


class Steps(Protocol):
    """Runs blocking calls on the threads for statements."""

    def __call__(self, call: Callable[[], _T], /) -> Awaitable[_T]:
        """Run `call` on a thread and return what it returns."""
        ...


class Body:
    """A request's body, decompressed and limited, with the URL's statement before it."""

    def __init__(self, request: HttpRequest, limits: Limits, before: bytes) -> None:
        self._limit = limits.body
        self._size = 0
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > limits.body:
            raise self._too_large()
        encoding = request.headers.get("content-encoding", "")
        self._decoder = Decoder(encoding) if encoding not in ("", "identity") else None
        self._source = request.stream()
        self._before = before

    def _too_large(self) -> EngineError:
        return EngineError.of(307, f"Too many bytes: the body is larger than the limit of {self._limit} bytes")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the plain bytes as they come."""
        if self._before:
            yield self._before
        first = bool(self._before)
        async for data in self._source:
            for piece in self._decoder.pieces(data) if self._decoder else (data,):
                self._size += len(piece)
                if self._size > self._limit:
                    raise self._too_large()
                if piece and first:
                    first = False
                    yield b"\n"
                if piece:
                    yield piece
        if self._decoder:
            self._decoder.finish()


class Streaming(StreamingResponse):
    """An answer whose length isn't known, read from the engine while it is sent."""

    def __init__(self, first: bytes, output: Output, steps: Steps, close: Callable[[], None], headers: dict[str, str]):
        super().__init__(self._pieces(), headers=headers)
        self._first = first
        self._output = output
        self._steps = steps
        self._close = close
        self._step: asyncio.Future[bytes] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; when the client goes away, the statement ends with the piece under way."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._step is not None and not self._step.done():
                await asyncio.wait({self._step})
            await self._steps(self._close)

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self._first
        rest = self._output.rest
        while rest is not None:
            self._step = asyncio.ensure_future(self._steps(lambda: next(rest, b"")))
            if not (piece := await asyncio.shield(self._step)):
                return
            yield piece

    async def stream_response(self, send: Send) -> None:
        """Send the pieces; after a failure leave the end out, so that the connection breaks as it has to."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self.body_iterator:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not self._output.broken:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class Service:
    """The engine, its users and sessions, and the threads that statements run on."""

    def __init__(self, engine: Engine, users: Mapping[str, User], limits: Limits) -> None:
        self._engine = engine
        self.users = users
        self._limits = limits
        self._sessions = Sessions(engine)
        self._threads = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="statement")
        self._host = socket.gethostname()

    def application(self) -> Starlette:
        """Return the ASGI application; its shutdown ends sessions, but leaves the engine to its owner."""

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            self._threads.shutdown()
            self._sessions.close()

        async def ping(_: HttpRequest) -> Response:
            return PlainTextResponse("Ok.\n")

        routes = [Route("/ping", ping), Route("/", self.answer, methods=["GET", "POST"])]
        return Starlette(routes=routes, lifespan=lifespan)

    async def _on_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def answer(self, http: HttpRequest) -> Response:
        """Run the request's statement; every error is answered with ClickHouse's code, status and sentence."""
        headers = {"X-ClickHouse-Server-Display-Name": self._host, "X-ClickHouse-Timezone": self._engine.timezone}
        try:
            url = http.query_params.multi_items()
            user = authenticate(self.users, http.headers, dict(url))
            if http.method == "GET" and not url:
                return PlainTextResponse("Ok.\n", headers=headers)
            if user is None:
                headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
                raise EngineError.of(194, "Authentication required: name a user and a password")
            request = parse(url, http.headers)
            headers["X-ClickHouse-Query-Id"] = request.query_id
            return await self._run(http, user, request, headers)
        except EngineError as error:
            return self._failure(error, headers)
        except ClientDisconnect:
            return Response(status_code=499)

    def _failure(self, error: EngineError, headers: dict[str, str]) -> Response:
        text = f"{error.sentence(self._engine.version)}\n"
        headers |= {"X-ClickHouse-Exception-Code": str(error.code), "Connection": "close"}
        return PlainTextResponse(text, error.status, headers)

    async def _run(self, http: HttpRequest, user: User, request: Request, headers: dict[str, str]) -> Response:
        content_type = http.headers.get("content-type", "")
        if content_type.startswith("multipart/form-data"):
            form = Body(http, self._limits, b"")
            add_form(request, content_type, await self._whole_statement(form.pieces()))
            pieces = _one(request.query)
        else:
            pieces = Body(http, self._limits, request.query).pieces()
        statement, data = await self._statement(pieces)
        get = http.method == "GET"
        check_readonly(statement, get=get)
        readonly = user.readonly or (get and not request.session_id)
        running = Running(
            await self._on_thread(lambda: Lease(self._engine, self._sessions, user.name, request, readonly=readonly)),
            request,
            self._engine.version,
        )
        if statement.data_at is not None:
            return await self._insert(running, statement, data, pieces, headers)
        encoding = choose(http.headers.get("accept-encoding", "")) if request.compress else ""
        output = await self._on_thread(lambda: running.run(statement, encoding))
        return self._result(running, output, encoding, headers)

    async def _statement(self, pieces: AsyncIterator[bytes]) -> tuple[sql.Statement, bytes]:
        """Read as much of the body as tells what it is; return the statement and the first of its data."""
        text = b""
        looked = False
        async for piece in pieces:
            text += piece
            if len(text) >= _HEAD and not looked:
                looked = True
                with contextlib.suppress(sql.IncompleteError):
                    found = sql.parse(text, complete=False)
                    return found, text[found.data_at :]
            if len(text) > self._limits.statement:
                raise self._too_long()
        # A long one takes its time, which others shouldn't wait for.
        found = await self._on_thread(lambda: sql.parse(text)) if len(text) > _HEAD else sql.parse(text)
        return found, text[found.data_at :] if found.data_at is not None else b""

    async def _whole_statement(self, pieces: AsyncIterator[bytes]) -> bytes:
        text = b""
        async for piece in pieces:
            text += piece
            if len(text) > self._limits.statement:
                raise self._too_long()
        return text

    def _too_long(self) -> EngineError:
        return EngineError.of(307, f"Too many bytes: the statement is longer than {self._limits.statement} bytes")

    async def _insert(
        self,
        running: Running,
        statement: sql.Statement,
        data: bytes,
        pieces: AsyncIterator[bytes],
        headers: dict[str, str],
    ) -> Response:
        try:
            insert = await self._on_thread(lambda: running.insert(statement))
            try:
                batch = bytearray(data)
                async for piece in pieces:
                    batch += piece
                    if len(batch) >= _BATCH:
                        full, batch = bytes(batch), bytearray()
                        await self._on_thread(partial(insert.append, full))

                def last() -> Output:
                    if batch:
                        insert.append(bytes(batch))
                    return Output(None, insert.finish(), running.started)

                output = await self._on_thread(last)
            finally:
                await self._on_thread(insert.cancel)
        finally:
            await self._on_thread(running.close)
        return self._result(running, output, "", headers)

    def _result(self, running: Running, output: Output, encoding: str, headers: dict[str, str]) -> Response:
        headers["X-ClickHouse-Summary"] = output.summary()
        if output.format is not None:
            headers["X-ClickHouse-Format"] = output.format
            headers["Content-Type"] = _CONTENT_TYPES.get(output.format, "application/octet-stream")
        if encoding and output.pieces:
            headers["Content-Encoding"] = encoding
        if output.rest is None:
            return Response(output.pieces, headers=headers)
        headers["X-ClickHouse-Exception-Tag"] = output.tag
        return Streaming(output.pieces, output, self._on_thread, running.close, headers)


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece
