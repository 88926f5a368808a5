"""What a service tells systemd (sd_notify), without a dependency on libsystemd. Silent outside systemd."""

from __future__ import annotations

import os
import socket


def notify(*assignments: str) -> bool:
    """Send assignments such as `READY=1` or `STATUS=...` to systemd; return whether anybody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # a name in the abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.connect(address)
            sock.sendall("\n".join(assignments).encode())
        except OSError:
            return False
    return True


def ready(status: str) -> None:
    """Report that the service does its work."""
    notify("READY=1", f"STATUS={status}")


def working(status: str, seconds: float = 60.0) -> None:
    """Report progress of a long start and ask for `seconds` more before systemd gives up on it."""
    notify(f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")


def stopping() -> None:
    """Report that the service is on its way out."""
    notify("STOPPING=1")
