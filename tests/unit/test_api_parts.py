"""The API's small parts, without any server: grid, keys, limits, outcomes, views, problems."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from cift.api.auth import bearer_key
from cift.api.grid import check_price, check_quantity
from cift.api.limits import BodyLimit
from cift.api.main import app
from cift.api.outcomes import KEPT_COMMANDS, Outcomes
from cift.api.problems import FieldError, Problem, _field, invalid
from cift.api.views import change_view, mass_cancel_view, order_view
from cift.core.database import Instrument
from cift.core.messages import (
    Accepted,
    AnyEvent,
    Cancelled,
    Fill,
    MassCancelled,
    Modified,
    NewOrder,
    Reduced,
    Rejected,
)
from cift.core.serialization import encode, encode_framed

AAPL = Instrument("AAPL", 0.01, 1.0)
BTC = Instrument("BTC-USD", 0.5, 0.001)


@given(ticks=st.integers(1, 10**9))
def test_every_multiple_of_a_tick_is_on_the_grid(ticks: int) -> None:
    assert check_price("price", ticks / 100, AAPL) == []


@given(steps=st.integers(0, 10**9), extra=st.integers(1, 9))
def test_a_digit_beyond_the_tick_is_off_the_grid(steps: int, extra: int) -> None:
    (error,) = check_price("price", float(f"{steps // 100}.{steps % 100:02d}{extra}"), AAPL)
    assert error == FieldError(field="price", message="must be a multiple of the tick size 0.01")


@pytest.mark.parametrize(("quantity", "right"), [(0.001, True), (1.5, True), (0.0005, False), (1e-9, False)])
def test_fractional_lots(quantity: float, right: bool) -> None:
    assert (check_quantity("quantity", quantity, BTC) == []) is right


@pytest.mark.parametrize("price", [1e15, 1e300, 1.7e308])
def test_a_price_that_doubles_cannot_hold_exactly_is_refused(price: float) -> None:
    (error,) = check_price("price", price, AAPL)
    assert error.message.startswith("must be at most ")


@pytest.mark.parametrize(
    "header", [None, b"", b"Bearer", b"Bearer ", b"Basic abc", b"Bearer \xff", b"Bearer " + b"x" * 999]
)
def test_a_header_without_a_usable_key_is_401(header: bytes | None) -> None:
    with pytest.raises(Problem) as caught:
        bearer_key(header)
    assert caught.value.status == 401
    assert "WWW-Authenticate" in caught.value.response().headers or caught.value.headers


@pytest.mark.parametrize("header", [b"Bearer abc", b"bearer abc", b"BEARER  abc "])
def test_the_scheme_is_not_case_sensitive(header: bytes) -> None:
    assert bearer_key(header) == "abc"


@pytest.mark.parametrize(
    ("location", "name"),
    [(("body", "price"), "price"), (("body", 17), "body"), (("body",), "body"), (("path", "order_id"), "order_id"),
     (("body", "\ud800"), "\\ud800"), (("body", "x" * 500), "x" * 100)],
)  # fmt: skip
def test_field_names_are_short_and_printable(location: tuple[str | int, ...], name: str) -> None:
    assert _field(location) == name


def test_a_problem_is_json_of_the_rfc() -> None:
    response = invalid([FieldError(field="price", message="must be finite")]).response()
    body = json.loads(response.body)
    assert response.media_type == "application/problem+json"
    assert {"type", "title", "status", "detail", "errors"} <= body.keys()
    assert body["status"] == response.status_code == 422
    assert body["errors"] == [{"field": "price", "message": "must be finite"}]


async def _limited(
    headers: list[tuple[bytes, bytes]], chunks: list[bytes], limit: int = 10
) -> tuple[int, bytes | None]:
    """Return the status, and the body that the application saw, None when it was not asked."""
    seen: list[bytes] = []
    sent: list[Message] = []
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]

    async def inner(_: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        seen.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await BodyLimit(inner, limit)({"type": "http", "headers": headers}, receive, send)
    return sent[0]["status"], seen[0] if seen else None


async def test_bodies_up_to_the_limit_arrive_whole() -> None:
    assert await _limited([(b"content-length", b"10")], [b"01234", b"56789"]) == (200, b"0123456789")
    assert await _limited([(b"transfer-encoding", b"chunked")], [b"01234", b"56789"]) == (200, b"0123456789")


async def test_a_larger_body_is_refused_before_the_application_sees_any_of_it() -> None:
    assert await _limited([(b"content-length", b"11")], []) == (422, None)
    assert await _limited([(b"transfer-encoding", b"chunked")], [b"01234", b"567890", b"never read"]) == (422, None)


def _accepted(seq: int, *, resting: float = 0.0, last: bool = False) -> Accepted:
    return Accepted(
        symbol="AAPL", ts=1, seq=seq, pos=0, user_id=1, order_id=seq, side="buy", quantity=3, resting=resting, last=last
    )


def _fill(seq: int, pos: int, quantity: float, price: float, *, last: bool = False) -> Fill:
    return Fill(
        symbol="AAPL", ts=1, seq=seq, pos=pos, user_id=1, order_id=seq, side="buy", price=price, quantity=quantity,
        maker_order_id=pos, maker_user_id=2, last=last,
    )  # fmt: skip


async def test_an_outcome_that_came_early_is_there_at_once() -> None:
    outcomes = Outcomes()
    events: list[AnyEvent] = [_accepted(7), _fill(7, 1, 3, 10.0, last=True)]
    for event in events:
        outcomes.add(encode(event))
    assert await outcomes.wait(7, 0) == events


async def test_an_outcome_is_awaited_until_its_last_event() -> None:
    outcomes = Outcomes()
    waiting = asyncio.create_task(outcomes.wait(7, 5))
    await asyncio.sleep(0)
    outcomes.add(encode(_accepted(7)))
    outcomes.add(encode(_accepted(8, last=True)))
    await asyncio.sleep(0)
    assert not waiting.done()
    outcomes.add(encode(_fill(7, 1, 3, 10.0, last=True)))
    assert [event.pos for event in await waiting or []] == [0, 1]


async def test_events_said_twice_count_once_and_a_missing_one_is_missed() -> None:
    outcomes = Outcomes()
    accepted, fill, last = _accepted(7), _fill(7, 1, 1, 10.0), _fill(7, 2, 2, 10.0, last=True)
    for event in (accepted, last):
        outcomes.add(encode(event))
    assert await outcomes.wait(7, 0.01) is None
    for event in (accepted, fill, last):
        outcomes.add(encode_framed(event))  # by another engine, which writes another format
    assert await outcomes.wait(7, 0.01) == [accepted, fill, last]


async def test_an_outcome_that_stays_away_is_none_and_memory_stays_bounded() -> None:
    outcomes = Outcomes()
    assert await outcomes.wait(1, 0.01) is None
    for seq in range(KEPT_COMMANDS + 100):
        outcomes.add(encode(_accepted(seq, last=True)))
    assert len(outcomes._recent) == KEPT_COMMANDS


@pytest.mark.parametrize(
    ("events", "status", "filled", "average"),
    [
        (None, "pending", 0, None),
        ([_accepted(5, resting=3, last=True)], "accepted", 0, None),
        ([_accepted(5), _fill(5, 1, 1, 10.0), _fill(5, 2, 2, 13.0, last=True)], "filled", 3, 12.0),
        ([_accepted(5, resting=2), _fill(5, 1, 1, 10.0, last=True)], "partially_filled", 1, 10.0),
        ([_accepted(5), _fill(5, 1, 0.1, 10.0), _fill(5, 2, 0.2, 10.0, last=True)], "filled", 0.3, 10.0),
        (
            [_accepted(5), Cancelled(symbol="AAPL", ts=1, seq=5, pos=1, user_id=1, order_id=5, quantity=3)],
            "cancelled", 0, None,
        ),
        (
            [Rejected(symbol="AAPL", ts=1, seq=5, pos=0, user_id=1, order_id=5, code="max_position", reason="no")],
            "rejected", 0, None,
        ),
    ],
)  # fmt: skip
def test_status_of_an_order(events: list[AnyEvent] | None, status: str, filled: float, average: float | None) -> None:
    order = NewOrder(symbol="AAPL", ts=1, user_id=1, side="buy", order_type="limit", quantity=3, price=13.0)
    view = order_view(5, order, events)
    assert (view.status, view.filled_quantity) == (status, filled)
    assert view.average_price == pytest.approx(average)


def test_a_change_is_a_cancel_when_nothing_remains() -> None:
    cancelled = Cancelled(symbol="AAPL", ts=1, seq=9, pos=0, user_id=1, order_id=5, quantity=3)
    assert change_view(5, [cancelled]).model_dump(exclude_none=True) == {
        "order_id": 5, "status": "cancelled", "cancelled_quantity": 3.0, "remaining_quantity": 0.0,
        "seq": 9,
    }  # fmt: skip
    reduced = Reduced(symbol="AAPL", ts=1, seq=9, pos=0, user_id=1, order_id=5, remaining=2)
    assert change_view(5, [reduced]).remaining_quantity == 2


def test_a_modification_tells_its_own_fills_and_nobody_elses() -> None:
    events: list[AnyEvent] = [
        Modified(symbol="AAPL", ts=1, seq=9, pos=0, user_id=1, order_id=5, price=10.5, quantity=9, resting=5),
        _fill(9, 1, 1, 10.0),
        _fill(5, 2, 3, 10.0),
        _fill(5, 3, 1, 10.4, last=True),
    ]
    assert change_view(5, events).model_dump(exclude_none=True) == {
        "order_id": 5, "status": "modified", "price": 10.5, "filled_quantity": 4.0, "average_price": 10.1,
        "remaining_quantity": 5.0, "seq": 9, "fills": [
            {"price": 10.0, "quantity": 3.0, "maker_order_id": 2}, {"price": 10.4, "quantity": 1.0, "maker_order_id": 3}
        ],
    }  # fmt: skip


def test_a_mass_cancel_tells_what_was_asked_for() -> None:
    who = {"symbol": "AAPL", "ts": 1, "seq": 9, "user_id": 1}
    events: list[AnyEvent] = [
        Cancelled(**who, pos=0, order_id=4, quantity=1, reason="expired"),
        Cancelled(**who, pos=1, order_id=5, quantity=3),
        MassCancelled(**who, pos=2, order_id=9, count=1),
    ]
    assert mass_cancel_view("AAPL", events).model_dump() == {
        "symbol": "AAPL", "status": "cancelled", "count": 1, "orders": [{"order_id": 5, "quantity": 3.0}],
    }  # fmt: skip


def test_openapi_describes_every_route_with_examples_and_the_key() -> None:
    description = app.openapi()
    assert description["paths"]["/api/v1/orders"]["post"]["security"] == [
        {"HTTPBearer": []},
        {"CIFT-Key": [], "CIFT-Timestamp": [], "CIFT-Nonce": [], "CIFT-Signature": []},
    ]
    assert "security" not in description["paths"]["/health"]["get"]
    properties = description["components"]["schemas"]["OrderRequest"]["properties"]
    assert all("examples" in properties[name] for name in ("symbol", "side", "quantity", "price"))
    patch = description["paths"]["/api/v1/orders/{order_id}"]["patch"]["requestBody"]["content"]["application/json"]
    change = description["components"]["schemas"][patch["schema"]["$ref"].rpartition("/")[2]]
    assert change["examples"] == [{"price": 187.3}, {"price": 187.3, "quantity": 50}, {"reduce_by": 50}]
    which = {each["name"]: each for each in description["paths"]["/api/v1/orders"]["delete"]["parameters"]}
    assert [name for name, each in which.items() if each["required"]] == ["symbol"]
    assert {name: each["schema"]["examples"] for name, each in which.items()} == {
        "symbol": ["AAPL"], "side": ["buy"], "min_price": [187.0], "max_price": [188.0],
        "Idempotency-Key": ["change-000123"],
    }  # fmt: skip
