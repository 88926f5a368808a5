"""One worker of the API: takes its socket from systemd, tells when it answers, leaves without cutting anybody off.

All workers of a host share one socket, which systemd keeps while they come and go: restarted one after the other, none
of them is missed by a client.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cift.api.live.protocol import LiveProtocol
from cift.core.notify import ready, stopping

# How long clients have to hear that they should connect anew. Who says nothing for that long is cut off while idle.
FAREWELL_S = 1.0
_FIRST_DESCRIPTOR = 3  # sd_listen_fds(3)


def inherited() -> list[socket.socket]:
    """Return the sockets that systemd listens on for this process; none where it doesn't."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    return [socket.socket(fileno=_FIRST_DESCRIPTOR + number) for number in range(int(os.environ["LISTEN_FDS"]))]


class Farewell:
    """Answers, once `said`, with the word that this connection ends here: the client's next request is a new one's."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.said = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; add the header to answers."""

        async def answer(message: Message) -> None:
            if self.said and message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self.app(scope, receive, answer)


class Worker(uvicorn.Server):
    """A server whose application is a `Farewell`, and that takes connections itself.

    asyncio's own servers (uvloop's too) drop a connection that they had taken a moment before they are closed.
    """

    def __init__(self, config: uvicorn.Config, farewell: Farewell) -> None:
        super().__init__(config)
        self.servers = []
        self._farewell = farewell
        self._handshakes: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open what the application needs, take connections, and tell systemd."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            self.should_exit = True
            return
        for listener in sockets or ():
            listener.setblocking(False)
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        self.started = True
        ready("answering")

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:  # another worker took it, or the client has gone
            return
        handshake = asyncio.create_task(self._serve_one(connection))
        self._handshakes.add(handshake)
        handshake.add_done_callback(self._handshakes.discard)

    async def _serve_one(self, connection: socket.socket) -> None:
        def protocol() -> asyncio.Protocol:
            make = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
            return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

        with suppress(OSError):  # no TLS, or not ours, or gone: the client's own affair
            await asyncio.get_running_loop().connect_accepted_socket(protocol, connection, ssl=self.config.ssl)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, let each client hear of the end, then stop as any server.

        WebSockets hear of it at once, other clients with their next answer.
        """
        stopping()
        self._farewell.said = True
        for listener in sockets or ():
            asyncio.get_running_loop().remove_reader(listener)
        for connection in list(self.server_state.connections):
            if isinstance(connection, LiveProtocol) and connection.handshake_complete:
                connection.shutdown()
        deadline = time.monotonic() + FAREWELL_S
        while self._busy() and not self.force_exit and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the server tells nobody that its last connection went
        await super().shutdown(sockets)

    def _busy(self) -> bool:
        return bool(self._handshakes or self.server_state.connections)
