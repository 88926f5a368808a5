"""Telling systemd how the service is, by the datagram that sd_notify(3) describes."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send e.g. `READY=1`; does nothing where no service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(state.encode())
