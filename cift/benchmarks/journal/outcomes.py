"""Reads what came back: which command had which outcome when, and that each had exactly one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from cift.benchmarks.journal.player import Arrivals
from cift.core.serialization import event_head

_HEAD = re.compile(
    rb"(MSG|HMSG) (\S+) (\d+) (?:(\S+) )??(?:(\d+) )?(\d+)\r\n|(PING|PONG|\+OK|INFO [^\r]*|-ERR [^\r]*)\r\n"
)


class _Ack(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: dict[str, object] | None = None


_ack = msgspec.json.Decoder(_Ack).decode


@dataclass(frozen=True)
class Outcomes:
    """When each command was acknowledged, had its whole outcome, and its last fill; 0 where there is none.

    In nanoseconds of the monotonic clock, in the order of the flow.
    """

    acknowledged_ns: npt.NDArray[np.int64]
    decided_ns: npt.NDArray[np.int64]
    filled_ns: npt.NDArray[np.int64]
    events: int


def payloads(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield every whole message as its subscription, its payload without headers, and where it ends.

    Raises:
        ConnectionError: the server reported an error.
    """
    at = 0
    while head := _HEAD.match(data, at):
        at = head.end()
        if head[7]:
            if head[7].startswith(b"-ERR"):
                raise ConnectionError(f"NATS: {head[7].decode(errors='replace')}")
            continue
        skip = int(head[5]) if head[1] == b"HMSG" else 0
        end = at + int(head[6])
        if end + 2 > len(data):
            return
        yield int(head[3]), data[at + skip : end], end + 2
        at = end + 2


def messages(arrivals: Arrivals) -> Iterator[tuple[int, bytes, int]]:
    """Yield every message as its subscription, its payload without headers, and when its last byte was here.

    Raises:
        ConnectionError: the server reported an error.
    """
    chunk = 0
    ends, times = arrivals.ends, arrivals.at_ns
    for number, payload, end in payloads(bytes(arrivals.data)):
        while chunk < len(ends) - 1 and ends[chunk] < end:
            chunk += 1
        yield number, payload, times[chunk]


def read(arrivals: Arrivals, *, first: int, count: int, events: int, acks: int) -> Outcomes:
    """Return the outcomes of `count` commands from sequence `first` on; `events`, `acks` number the subscriptions.

    Raises:
        RuntimeError: the journal refused a command, or one has no outcome, or two.
    """
    acknowledged, decided, filled = (np.zeros(count, dtype=np.int64) for _ in range(3))
    positions = np.zeros(count, dtype=np.int32)
    seen = 0
    for number, payload, at_ns in messages(arrivals):
        if number == acks:
            ack = _ack(payload)
            if ack.error is not None or ack.duplicate or not 0 <= ack.seq - first < count:
                raise RuntimeError(f"the journal answered {payload[:300]!r}; expected a sequence from {first} on")
            acknowledged[ack.seq - first] = at_ns
        elif number == events:
            kind, seq, pos, last = event_head(payload)
            index = seq - first
            if not 0 <= index < count:
                continue
            if pos < positions[index]:
                continue  # said again, for want of an acknowledgement; the stream has it once
            if pos > positions[index] or decided[index]:
                raise RuntimeError(f"event {pos} of command {seq} came instead of {positions[index]}")
            seen += 1
            positions[index] += 1
            if kind == "fill":
                filled[index] = at_ns
            if last:
                decided[index] = at_ns
    for what, times in (("acknowledgement", acknowledged), ("outcome", decided)):
        if missing := int((times == 0).sum()):
            raise RuntimeError(
                f"{missing} of {count} commands have no {what}; the first is {first + int(times.argmin())}"
            )
    return Outcomes(acknowledged, decided, filled, seen)
