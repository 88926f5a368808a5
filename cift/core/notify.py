"""What a service tells systemd (sd_notify), without a dependency on libsystemd. Silent outside systemd."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

# Signs of life within the time that systemd allows: one may come late on a busy host, and one be denied by chance.
WATCHDOG_SIGNS = 4


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


def watchdog_s() -> float:
    """Return how many seconds systemd waits for a sign of life (WatchdogSec=) before it ends this process; 0: ever."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0  # a parent's
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6


async def alive() -> None:
    """Give a sign of life."""
    notify("WATCHDOG=1")


async def keep_alive(is_stuck: Callable[[], bool]) -> None:
    """Give signs of life from the event loop for as long as it turns and `is_stuck` denies, which is asked before each.

    A loop that hangs, or work that stands still, gives none: systemd then ends the process, with a traceback of its
    threads in the log (see `runtime`), and starts it anew. Returns at once where systemd doesn't watch.
    """
    every = watchdog_s() / WATCHDOG_SIGNS
    while every:
        if not is_stuck():
            await alive()
        await asyncio.sleep(every)
