"""NATS' protocol through the core: what servers say, in whatever pieces, and bursts that go."""

from __future__ import annotations

from typing import Any

import pytest
from cift_core.nats import NatsParser, NatsProtocolError, Stored, publish_burst
from nats.aio.client import Client

from cift.core.nats_parser import QuickParser

ACK = "$JS.ACK.ORDERS.c1.1.{seq}.{number}.1700000000000000000.{pending}"


def delivered(
    seq: int, number: int, pending: int = 0, sid: int = 7, payload: bytes = b"{}", headers: bytes = b""
) -> bytes:
    reply = ACK.format(seq=seq, number=number, pending=pending)
    if headers:
        whole = headers + payload
        return f"HMSG orders.AAPL {sid} {reply} {len(headers)} {len(whole)}\r\n".encode() + whole + b"\r\n"
    return f"MSG orders.AAPL {sid} {reply} {len(payload)}\r\n".encode() + payload + b"\r\n"


def plain(said: list[Any]) -> list[Any]:
    return [
        (*each[:4], [(stored.seq, stored.subject, stored.data) for stored in each[4]]) if each[0] == "stored" else each
        for each in said
    ]


def parser() -> NatsParser:
    found = NatsParser()
    found.watch(7)
    return found


def test_a_streams_messages_come_in_runs_without_gaps() -> None:
    data = b"".join((delivered(10, 1, 9), delivered(12, 2, 8), b"PING\r\n", delivered(13, 3), delivered(20, 5)))
    assert plain(parser().feed(data)) == [
        ("stored", 7, 1, 8, [(10, "orders.AAPL", b"{}"), (12, "orders.AAPL", b"{}")]),
        ("ping",),
        ("stored", 7, 3, 0, [(13, "orders.AAPL", b"{}")]),
        ("stored", 7, 5, 0, [(20, "orders.AAPL", b"{}")]),
    ]


def test_what_is_not_watched_comes_as_it_is() -> None:
    data = delivered(10, 1, sid=8) + b"HMSG a.b 9 12 15\r\nNATS/1.0\r\n\r\nyes\r\n"
    reply = ACK.format(seq=10, number=1, pending=0).encode()
    assert parser().feed(data) == [
        ("message", 8, b"orders.AAPL", reply, b"{}", None),
        ("message", 9, b"a.b", b"", b"yes", b"NATS/1.0\r\n\r\n"),
    ]


def test_a_watched_one_without_a_place_in_the_stream_is_a_status() -> None:
    found = parser()
    header = b"NATS/1.0 408 Request Timeout\r\n\r\n"
    assert found.feed(b"HMSG _INBOX.x 7 %d %d\r\n%b\r\n" % (len(header), len(header), header)) == [("status", 7, 408)]
    assert found.feed(b"MSG _INBOX.x 7 0\r\n\r\n") == [("status", 7, None)]
    found.unwatch(7)
    assert found.feed(b"MSG _INBOX.x 7 0\r\n\r\n") == [("message", 7, b"_INBOX.x", b"", b"", None)]


def test_bytes_one_by_one_say_the_same() -> None:
    data = delivered(10, 1, payload=b"MSG x 1 2\r\n") + b"PONG\r\n+OK\r\nINFO {}\r\n-ERR 'Stale Connection'\r\n"
    found, said = parser(), []
    for byte in data:
        said += found.feed(bytes([byte]))
    whole = plain(parser().feed(data))
    assert plain(said) == whole
    assert [each[0] for each in whole] == ["stored", "pong", "info", "error"]


def test_what_is_no_nats_is_refused_and_a_reset_begins_anew() -> None:
    found = parser()
    with pytest.raises(NatsProtocolError, match="expected an operation of a server"):
        found.feed(b"HTTP/1.1 400\r\n")
    assert found.feed(b"PI") == []
    found.reset()
    assert found.feed(b"PONG\r\n") == [("pong",)]


def test_a_burst_asks_for_one_acknowledgement_and_chains_its_messages() -> None:
    messages = [(5, "events.A", "3.0", b"x"), (6, "events.B", "3.1", b"yz")]
    first = b"NATS/1.0\r\nNats-Msg-Id:3.0\r\nNats-Expected-Last-Sequence:4\r\n\r\n"
    second = b"NATS/1.0\r\nNats-Msg-Id:3.1\r\nNats-Expected-Last-Sequence:5\r\n\r\n"
    assert publish_burst(messages, "_INBOX.r", True) == (
        b"HPUB events.A %d %d\r\n%bx\r\n" % (len(first), len(first) + 1, first)
        + b"HPUB events.B _INBOX.r %d %d\r\n%byz\r\n" % (len(second), len(second) + 2, second)
    )
    traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    third = b"NATS/1.0\r\nNats-Msg-Id:4.0\r\nCift-Correlation-Id:desk-7\r\ntraceparent:%b\r\n\r\n" % traced.encode()
    assert publish_burst([(7, "events.A", "4.0", b"z", "desk-7", traced)], "", False) == (
        b"HPUB events.A %d %d\r\n%bz\r\n" % (len(third), len(third) + 1, third)
    )
    assert publish_burst([(0, "market.book.A", "", b"b")], "", False) == b"PUB market.book.A 1\r\nb\r\n"
    assert publish_burst([], "r", True) == b""


@pytest.mark.parametrize(
    "bad",
    [
        (1, "a b", "", b""),
        (1, "a\r\nPUB x 0", "", b""),
        (1, "a", "i d", b""),
        (1, "", "", b""),
        (1, "a", "", b"", "x\r\nNats-Rollup:all", ""),
        (1, "a", "", b"", "", "x" * 65),
    ],
)
def test_what_would_end_a_line_is_refused(bad: tuple[int, str, str, bytes]) -> None:
    with pytest.raises(NatsProtocolError, match="expected a "):
        publish_burst([(1, "a", "", b""), bad], "", False)


async def test_a_listener_that_fails_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []
    quick = QuickParser(Client())
    quick.listen(1, lambda _, data: heard.append(data[0]))
    await quick.parse(b"MSG a 1 0\r\n\r\nMSG a 1 2\r\nhi\r\n")
    assert heard == [ord("h")]
    assert "a message on a was not understood" in caplog.text


def test_stored_says_what_it_is() -> None:
    stored = Stored(7, "orders.AAPL", b"{}")
    assert (stored.seq, stored.subject, stored.data) == (7, "orders.AAPL", b"{}")
    assert repr(stored) == "Stored(seq=7, subject='orders.AAPL', 2 bytes)"
    assert (stored.correlation, stored.trace) == ("", "")
    assert Stored(7, "orders.AAPL", b"{}", "desk-7", "00-a").correlation == "desk-7"


def test_stored_names_its_request() -> None:
    headers = b"NATS/1.0\r\nNats-Msg-Id: order:1:x\r\nCift-Correlation-Id: desk-7\r\n\r\n"
    (said,) = parser().feed(delivered(10, 1, payload=b"{}", headers=headers))
    (stored,) = said[4]
    assert (stored.seq, stored.data, stored.correlation, stored.trace) == (10, b"{}", "desk-7", "")
