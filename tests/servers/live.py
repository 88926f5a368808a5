"""A client of the WebSocket that keeps a book as the README tells a reader to: the snapshot, then each delta."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from tests.servers.api import KEY, ApiServer


def dial(api: ApiServer, key: str | None = KEY, *, signed: dict[str, str] | None = None, **options: Any) -> connect:
    headers = signed or ({"Authorization": f"Bearer {key}"} if key else {})
    url = f"ws://127.0.0.1:{api.port}/api/v1/stream"
    return connect(url, additional_headers=headers, proxy=None, **options)


async def ask(socket: ClientConnection, op: str, **fields: Any) -> None:
    await socket.send(msgspec.json.encode({"op": op, **fields}).decode())


async def hear(socket: ClientConnection, within_s: float = 10.0) -> dict[str, Any]:
    async with asyncio.timeout(within_s):
        message: dict[str, Any] = msgspec.json.decode(await socket.recv())
    return message


async def subscribe(socket: ClientConnection, channel: str, symbol: str | None = None) -> dict[str, Any]:
    """Subscribe and return what was confirmed."""
    await ask(socket, "subscribe", channel=channel, **({"symbol": symbol} if symbol else {}))
    confirmed = await hear(socket)
    assert (confirmed["type"], confirmed["channel"], confirmed["symbol"]) == ("subscribed", channel, symbol), confirmed
    return confirmed


@dataclass
class Book:
    """What a reader knows of one book."""

    number: int = 0
    seq: int = -1
    snapshots: int = 0
    deltas: int = 0
    bids: dict[float, float] = field(default_factory=dict)
    asks: dict[float, float] = field(default_factory=dict)

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            # The first one has the number of the state that it shows, a later one is counted as any message.
            assert not self.snapshots or message["number"] == self.number + 1, "a message is missing"
            self.snapshots += 1
            self.bids, self.asks = {}, {}
        else:
            assert message["type"] == "delta"
            assert message["number"] == self.number + 1, "a message is missing"
            self.deltas += 1
        self.number, self.seq = message["number"], message["seq"]
        for side, levels in ((self.bids, message["bids"]), (self.asks, message["asks"])):
            for price, quantity in levels:
                if quantity:
                    side[price] = quantity
                else:
                    del side[price]

    def levels(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())

    async def follow(self, socket: ClientConnection, until: Callable[[Book], bool]) -> None:
        while not until(self):
            self.take(await hear(socket))
