"""A connection to NATS that does nothing by itself: it sends bytes made beforehand, and keeps what comes as it came.

A load generator must not be what is measured. On this one a burst costs one system call, and a message that comes
nothing but its share of another; all reading of them is done when the clock has stopped.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from cift.core.config import Settings
from cift.core.nats_client import sign_in
from cift.core.nkey import UserKey

_PATIENCE_S = 10.0
_CHUNK = 1 << 20


class BareConnection:
    """`with BareConnection(settings) as connection`: signed in, over TLS where the settings say so."""

    def __init__(self, settings: Settings) -> None:
        """Connect to the first server of NATS_URL.

        Raises:
            ConnectionError: the server refuses us, or doesn't speak NATS.
            OSError: nobody answers there.
        """
        found = sign_in(settings)
        address = urlsplit(found["servers"][0])
        self.socket = socket.create_connection((address.hostname or "", address.port or 4222), timeout=_PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept = b""
        info = json.loads(self._line("INFO"))
        self.server_version = str(info.get("version", ""))
        if "tls" in found:
            self.socket = found["tls"].wrap_socket(self.socket, server_hostname=address.hostname)
        options = {
            "verbose": False,
            "pedantic": False,
            "lang": "python",
            "version": "0",
            "name": "load",
            "headers": True,
        }
        if seed := found.get("nkeys_seed_str"):
            key = UserKey(seed)
            options |= {"nkey": key.public, "sig": key.sign(info["nonce"]).decode()}
        self.send(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
        self.settle()

    def _line(self, word: str) -> bytes:
        """Return what follows `word` on the next line."""
        while b"\r\n" not in self._kept:
            if not (data := self.socket.recv(_CHUNK)):
                raise ConnectionError("NATS closed the connection while signing in")
            self._kept += data
        line, _, self._kept = self._kept.partition(b"\r\n")
        found, _, rest = line.partition(b" ")
        if found == b"PING":
            return self._line(word)
        if found != word.encode():
            raise ConnectionError(f"NATS said {line[:200].decode(errors='replace')!r}, expected {word}")
        return rest

    def settle(self) -> None:
        """Return once the server has taken everything sent before."""
        self.send(b"PING\r\n")
        self._line("PONG")

    def subscribe(self, subject: str, number: int) -> None:
        """Ask for a subject's messages, as subscription `number`."""
        self.send(f"SUB {subject} {number}\r\n".encode())

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes of the protocol."""
        self.socket.sendall(data)

    def __enter__(self) -> BareConnection:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # whoever reads meanwhile is told
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
