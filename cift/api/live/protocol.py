"""uvicorn's WebSocket, able to leave a client that doesn't read.

uvicorn says goodbye behind everything that was sent before, and then waits for it to be read: a client that reads
nothing would be kept for ever, and would hold up the worker's stop.
"""

from __future__ import annotations

import socket
from asyncio import BaseTransport

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# How long a client has to read the rest and the goodbye.
GRACE_S = 3.0
# What the kernel may hold of what a client hasn't read; by itself it takes up to 4 MiB before anybody notices.
SEND_BUFFER = 256 * 1024
# A message above this is not even received; between this and what the application takes it can answer.
MAX_FRAME = 64 * 1024
CUT_OFF = "cift.cut_off"


class LiveProtocol(WebSocketsSansIOProtocol):
    """Puts `cut_off(code, reason)` into the scope's extensions."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound what waits in the kernel."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    async def run_asgi(self) -> None:
        """Run the application."""
        self.scope["extensions"] = {**(self.scope["extensions"] or {}), CUT_OFF: self.cut_off}  # type: ignore[dict-item]
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """Send, unless the goodbye was said while we waited for our turn."""
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def cut_off(self, code: int, reason: str) -> None:
        """Say goodbye at once; who hasn't answered after `GRACE_S` is left without it."""
        self.stop_keepalive()
        if not self.close_sent and not self.transport.is_closing():
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            if self.read_paused:  # the client's goodbye is to be heard
                self.read_paused = False
                self.transport.resume_reading()
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(GRACE_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """Cut off who doesn't answer a ping."""
        self.cut_off(1011, "keepalive ping timeout")

    def shutdown(self) -> None:
        """Send the client to another worker."""
        if self.handshake_complete:
            self.cut_off(1012, "service restart")
        else:
            super().shutdown()
