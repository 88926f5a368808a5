"""Telling systemd how the service is, by the datagram that sd_notify(3) describes."""

from __future__ import annotations

import os
import socket

# Signs of life within the time that systemd allows: one may come late on a busy host.
_SIGNS = 4


def notify(state: str) -> None:
    """Send e.g. `READY=1`; does nothing where no service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(state.encode())


def sign_every_s() -> int:
    """Return every how many seconds systemd's watchdog (WatchdogSec=) is to hear from this process; 0: it isn't."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0  # a parent's
    allowed_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    return max(1, int(allowed_s / _SIGNS)) if allowed_s else 0


async def alive() -> None:
    """Give a sign of life."""
    notify("WATCHDOG=1")
