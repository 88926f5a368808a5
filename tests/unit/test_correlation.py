"""The name of a request: where it comes from, and what counts as one."""

from __future__ import annotations

import re

import pytest

from cift.core.correlation import Origin, current, of_request, origin, serve

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


def test_the_clients_own_name_is_kept() -> None:
    found = of_request({b"x-request-id": b"desk-7:order/000123", b"traceparent": TRACEPARENT.encode()})
    assert found == Origin("desk-7:order/000123", TRACEPARENT)


def test_else_it_is_the_traces() -> None:
    assert of_request({b"traceparent": TRACEPARENT.encode()}) == Origin(TRACE_ID, TRACEPARENT)


@pytest.mark.parametrize("named", [None, b"", b"a b", b"a\r\nNats-Rollup: all", b"\xc3\xa4", b"x" * 65, b"-x"])
@pytest.mark.parametrize(
    "traced",
    [
        None,
        b"",
        b"ff" + TRACEPARENT[2:].encode(),
        TRACEPARENT.upper().encode(),
        TRACEPARENT.replace(TRACE_ID, "0" * 32).encode(),
        TRACEPARENT.replace("b7ad6b7169203331", "0" * 16).encode(),
        TRACEPARENT.encode() + b"-00",
    ],
)
def test_what_is_not_well_formed_counts_as_none(named: bytes | None, traced: bytes | None) -> None:
    headers = {b"x-request-id": named, b"traceparent": traced}
    first, second = (of_request({name: value for name, value in headers.items() if value is not None}) for _ in "12")
    assert re.fullmatch("[0-9a-f]{32}", first.correlation)
    assert (first.trace, first.correlation == second.correlation) == ("", False)


def test_headers_of_messages() -> None:
    assert origin("", "") == {}
    assert origin("a", TRACEPARENT) == {"Cift-Correlation-Id": "a", "traceparent": TRACEPARENT}
    assert current() == Origin()
    serve(Origin("a"))
    assert current() == Origin("a")
    serve(Origin())
