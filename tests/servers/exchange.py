"""An exchange on loopback that speaks as Binance does: a combined WebSocket stream, and snapshots by REST.

What it sends is in the format of https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams (events
`depthUpdate` and `trade` in a combined stream) and .../rest-api/market-data-endpoints (`/api/v3/depth`).
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

SYMBOL = "BTCUSDT"


class Exchange:
    """The test writes its book; `send` tells all who listen of what changed, `cut` ends every connection."""

    def __init__(self) -> None:
        self.url = self.snapshot_url = ""
        self.connections = self.snapshots = 0
        self.answering = True
        self.last = 100
        self.trades = 500
        self.bids: dict[str, str] = {"100.00": "1.0"}
        self.asks: dict[str, str] = {"101.00": "2.0"}
        self._clock_ms = 1_790_000_000_000
        self._clients: set[ServerConnection] = set()
        self._server: Server | None = None

    async def __aenter__(self) -> Exchange:
        self._server = await serve(self._serve, "127.0.0.1", 0, process_request=self._request)
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url, self.snapshot_url = f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        if parts.path != "/api/v3/depth":
            wanted = f"/stream?streams={SYMBOL.lower()}@depth@100ms/{SYMBOL.lower()}@trade"
            return None if request.path == wanted else connection.respond(HTTPStatus.NOT_FOUND, request.path)
        if not self.answering:
            return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, '{"code":-1003,"msg":"Too many requests"}')
        assert parse_qs(parts.query) == {"symbol": [SYMBOL], "limit": ["1000"]}
        self.snapshots += 1
        return connection.respond(HTTPStatus.OK, self.snapshot())

    def snapshot(self) -> str:
        bids, asks = ([[price, size] for price, size in side.items()] for side in (self.bids, self.asks))
        return json.dumps({"lastUpdateId": self.last, "bids": bids, "asks": asks})

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections += 1
        self._clients.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._clients.discard(connection)

    async def listened(self, connections: int = 1) -> None:
        """Wait until somebody listens, over that many connections since the start."""
        async with asyncio.timeout(20):
            while self.connections < connections or not self._clients:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def send(self, text: str) -> None:
        """Send text as it is to all who listen."""
        for client in tuple(self._clients):
            try:
                await client.send(text)
            except ConnectionClosed:
                self._clients.discard(client)

    def update(self, *, bids: dict[str, str] | None = None, asks: dict[str, str] | None = None, count: int = 2) -> str:
        """Change the book and return the message that says so; the book has it whether it is sent or not."""
        first, self.last = self.last + 1, self.last + count
        for side, changes in ((self.bids, bids or {}), (self.asks, asks or {})):
            for price, size in changes.items():
                side[price] = size
                if float(size) == 0:
                    del side[price]
        body = {
            "e": "depthUpdate", "E": self._now(), "s": SYMBOL, "U": first, "u": self.last,
            "b": [list(level) for level in (bids or {}).items()], "a": [list(level) for level in (asks or {}).items()],
        }  # fmt: skip
        return self._combined("depth@100ms", body)

    def trade(self, price: str, size: str, *, buyer_is_maker: bool = False) -> str:
        """Return the message of the next trade."""
        self.trades += 1
        body = {
            "e": "trade", "E": self._now(), "s": SYMBOL, "t": self.trades, "p": price, "q": size,
            "T": self._clock_ms - 1, "m": buyer_is_maker, "M": True,
        }  # fmt: skip
        return self._combined("trade", body)

    async def cut(self) -> None:
        """End every connection without a word."""
        for client in tuple(self._clients):
            client.transport.abort()

    def levels(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Return bids and asks, best first."""
        bids = sorted(((float(p), float(q)) for p, q in self.bids.items()), reverse=True)
        return bids, sorted((float(p), float(q)) for p, q in self.asks.items())

    def _now(self) -> int:
        self._clock_ms += 100
        return self._clock_ms

    def _combined(self, what: str, body: dict[str, Any]) -> str:
        return json.dumps({"stream": f"{SYMBOL.lower()}@{what}", "data": body})
