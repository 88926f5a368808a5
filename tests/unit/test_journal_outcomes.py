"""What a load's listener makes of the events that come, of either format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cift.benchmarks.journal.outcomes import payloads, read
from cift.benchmarks.journal.player import Arrivals
from cift.core import wire
from cift.core.messages import Accepted, Fill
from cift.core.serialization import encode

WHO: dict[str, Any] = {"symbol": "AAPL", "ts": 1, "seq": 7, "user_id": 1, "order_id": 7}
EVENTS = [
    Accepted(**WHO, pos=0, side="buy", quantity=1.0),
    Fill(**WHO, pos=1, last=True, side="buy", price=2.0, quantity=1.0, maker_order_id=3, maker_user_id=2),
]


def came(*parts: bytes) -> Arrivals:
    """Arrivals of one part a millisecond."""
    arrivals = Arrivals()
    for at, part in enumerate(parts, 1):
        arrivals.data += part
        arrivals.ends.append(len(arrivals.data))
        arrivals.at_ns.append(at * 1_000_000)
    return arrivals


def told(event: Any, write: Callable[[Any], bytes]) -> bytes:
    """An event as the server sends it, with headers."""
    headers, data = b"NATS/1.0\r\nNats-Msg-Id: 7.0\r\n\r\n", write(event)
    return b"HMSG events.AAPL 1 %d %d\r\n%b%b\r\n" % (len(headers), len(headers) + len(data), headers, data)


ACK = b'MSG _INBOX.load 2 27\r\n{"stream":"ORDERS","seq":7}\r\n'


@pytest.mark.parametrize("write", [encode, wire.encode], ids=["json", "framed"])
def test_a_command_is_decided_when_its_last_event_is_here(write: Callable[[Any], bytes]) -> None:
    first, last = (told(event, write) for event in EVENTS)
    # What is said again, for want of an acknowledgement, is not counted again.
    found = read(came(ACK, first, first, last[:60], last[60:]), first=7, count=1, events=1, acks=2)
    assert (found.acknowledged_ns[0], found.decided_ns[0], found.filled_ns[0]) == (1_000_000, 5_000_000, 5_000_000)
    assert found.events == 2
    with pytest.raises(RuntimeError, match="1 of 1 commands have no outcome; the first is 7"):
        read(came(ACK, first), first=7, count=1, events=1, acks=2)


def test_what_is_not_whole_yet_waits_for_its_rest() -> None:
    data = b"PING\r\n" + told(EVENTS[1], wire.encode)
    ((number, payload, end),) = payloads(data + data[:40])
    assert (number, payload, end) == (1, wire.encode(EVENTS[1]), len(data))
    with pytest.raises(ConnectionError, match="Permissions"):
        list(payloads(b"-ERR 'Permissions Violation'\r\n"))
