"""Plays a flow against a clock that waits for nobody, and keeps whatever comes back with its time.

Open loop: a command is due when it is due, however far the engine is behind, and its latency counts from that moment
and not from when it was sent. That is what "coordinated omission" would leave out.
"""

from __future__ import annotations

import ctypes
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cift.benchmarks.journal.connection import BareConnection
from cift.benchmarks.journal.orders import Flow

_PR_SET_TIMERSLACK = 29
_CHUNK = 1 << 16
_BURST = 512


@dataclass
class Arrivals:
    """The bytes that came, and when: `ends[n]` bytes were here at `at_ns[n]` of the monotonic clock."""

    data: bytearray = field(default_factory=bytearray)
    ends: list[int] = field(default_factory=list)
    at_ns: list[int] = field(default_factory=list)


class Listener:
    """Reads a connection in a thread of its own until it is closed."""

    def __init__(self, connection: BareConnection) -> None:
        self.arrivals = Arrivals()
        self._connection = connection
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        receive, arrivals = self._connection.socket.recv_into, self.arrivals
        room = memoryview(bytearray(_CHUNK))
        while True:
            try:
                length = receive(room)
            except TimeoutError:
                continue
            except OSError:
                return
            if not length:
                return
            arrivals.at_ns.append(time.monotonic_ns())
            arrivals.data += room[:length]
            arrivals.ends.append(len(arrivals.data))

    def join(self) -> None:
        """Return when the thread has ended."""
        self._thread.join(10)


def play(flow: Flow, connection: BareConnection, *, head_start_s: float = 0.2) -> tuple[int, npt.NDArray[np.int64]]:
    """Send every command when it is due; return the start in monotonic nanoseconds and how late each was sent."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)  # of this thread: sleep to the microsecond, not to 50 of them
    view, ends, due = memoryview(flow.data), flow.ends.tolist(), flow.due_ns.tolist()
    count, sent, offset = len(ends), 0, 0
    sent_at: list[int] = []
    start = time.monotonic_ns() + int(head_start_s * 1e9)
    while sent < count:
        now = time.monotonic_ns() - start
        if due[sent] > now:
            time.sleep((due[sent] - now) / 1e9)
            continue
        until, most = sent + 1, min(count, sent + _BURST)
        while until < most and due[until] <= now:
            until += 1
        sent_at += [now] * (until - sent)
        connection.send(view[offset : ends[until - 1]])
        sent, offset = until, ends[until - 1]
    return start, np.array(sent_at, dtype=np.int64) - flow.due_ns
