"""The WebSocket's parts without a server: deltas, what an account may see, what a client may ask, the hub's rooms."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cift.api.live.depth import changed, delta_of
from cift.api.live.hub import Hub
from cift.api.live.messages import MAX_BYTES, OwnFill, Ping, RefusedError, Subscribe, Unsubscribe, decode_asked
from cift.api.live.own import shown_to
from cift.core.cache import Cache
from cift.core.config import Settings
from cift.core.messages import Accepted, BookUpdate, Cancelled, Fill, Trade
from cift.core.nats_manager import NatsManager
from cift.core.serialization import encode
from cift.core.stream_reader import Stored

levels = st.dictionaries(st.integers(1, 30).map(float), st.integers(1, 5).map(float), max_size=20).map(
    lambda side: tuple(sorted(side.items()))
)


@given(before=levels, after=levels)
def test_a_side_and_what_changed_make_the_next_side(before: object, after: object) -> None:
    side = dict(before)  # type: ignore[call-overload]
    for price, quantity in changed(before, after):  # type: ignore[arg-type]
        assert side.get(price) != quantity, "only what changed is told"
        if quantity:
            side[price] = quantity
        else:
            del side[price]
    assert tuple(sorted(side.items())) == after


def _book(seq: int, bids: tuple[tuple[float, float], ...], symbol: str = "AAPL") -> BookUpdate:
    return BookUpdate(symbol=symbol, ts=seq, seq=seq, bids=bids, asks=())


def test_a_delta_names_new_different_and_gone_levels() -> None:
    delta = delta_of(_book(4, ((10, 1), (9, 2), (8, 3))), _book(5, ((11, 1), (9, 5), (8, 3))), 7)
    assert (delta.number, delta.seq, delta.bids, delta.asks) == (7, 5, ((11, 1), (9, 5), (10, 0)), ())


def _fill(taker: int, maker: int) -> Fill:
    return Fill(
        symbol="AAPL", ts=1, seq=9, pos=1, user_id=taker, order_id=9, side="buy",
        price=10.0, quantity=5.0, maker_order_id=4, maker_user_id=maker,
    )  # fmt: skip


def test_a_fill_tells_neither_side_who_the_other_is() -> None:
    (taker, bought), (maker, sold) = shown_to(_fill(1, 2))
    assert isinstance(bought, OwnFill)
    assert isinstance(sold, OwnFill)
    assert (taker, bought.order_id, bought.side, bought.liquidity) == (1, 9, "buy", "taker")
    assert (maker, sold.order_id, sold.side, sold.liquidity) == (2, 4, "sell", "maker")
    assert not {"user_id", "maker_user_id", "maker_order_id"} & set(json.loads(encode(bought)))


def test_other_events_are_their_owners_alone() -> None:
    event = Cancelled(symbol="AAPL", ts=1, seq=3, pos=0, user_id=7, order_id=2, quantity=1.0)
    assert shown_to(event) == [(7, event)]


def test_what_a_client_may_ask() -> None:
    assert decode_asked('{"op":"ping"}') == Ping()
    assert decode_asked('{"op":"subscribe","channel":"orders"}') == Subscribe(channel="orders")
    asked = '{"op":"unsubscribe","channel":"book","symbol":"AAPL"}'
    assert decode_asked(asked) == Unsubscribe(channel="book", symbol="AAPL")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (None, "message"),
        ("", "message"),
        ("not json", "message"),
        ("[]", "message"),
        ('"' + "x" * MAX_BYTES + '"', "message"),
        ('"' + "ä" * (MAX_BYTES // 2) + '"', "message"),
        ("{}", "op"),
        ('{"op":"sing"}', "op"),
        ('{"op":17}', "op"),
        ('{"op":"subscribe"}', "channel"),
        ('{"op":"subscribe","channel":"news"}', "channel"),
        ('{"op":"subscribe","channel":"book","symbol":5}', "symbol"),
        ('{"op":"ping","extra":1}', "extra"),
        ('{"op":"auth","key":7}', "key"),
    ],
)
def test_a_refusal_names_the_field(text: str | None, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        decode_asked(text)
    assert (caught.value.error.code, caught.value.error.field) == ("invalid_request", field)
    assert len(caught.value.error.message) <= 200


class _Reader:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []

    def offer(self, text: str) -> None:
        self.told.append(json.loads(text))

    def close(self, code: int, reason: str) -> None:
        self.told.append({"type": "closed", "code": code, "reason": reason})


class _Hub(Hub):
    """A hub whose streams are spoken by the test."""

    async def _stored_book(self, symbol: str) -> BookUpdate:
        return self._books.get(symbol, _book(0, (), symbol))

    async def _open(self, channel: object) -> None:
        pass

    def speak(self, channel: str, message: object) -> None:
        self._take[channel](Stored(1, "", encode(message)))  # type: ignore[index]


@pytest.fixture
async def hub() -> _Hub:
    settings = Settings()
    return _Hub(NatsManager(settings), Cache(settings))


async def test_a_book_begins_with_a_snapshot_and_goes_on_by_deltas_from_the_same_number(hub: _Hub) -> None:
    first, second = _Reader(), _Reader()
    await hub.join(("book", "AAPL"), first)
    hub.speak("book", _book(5, ((10, 1),)))
    hub.speak("book", _book(6, ((10, 2),)))
    await hub.join(("book", "AAPL"), second)
    hub.speak("book", _book(7, ()))
    hub.speak("book", _book(8, ((3, 3),), "MSFT"))
    told = [(each["type"], each["number"], each.get("seq")) for each in first.told]
    assert told == [("subscribed", 0, None), ("snapshot", 0, 0), ("snapshot", 1, 5), ("delta", 2, 6), ("delta", 3, 7)]
    told = [(each["type"], each["number"], each.get("bids")) for each in second.told]
    assert told == [("subscribed", 2, None), ("snapshot", 2, [[10, 2]]), ("delta", 3, [[10, 0]])]


@pytest.mark.parametrize("lost", [True, False])
async def test_a_book_that_may_not_follow_the_one_before_is_a_snapshot(hub: _Hub, lost: bool) -> None:
    reader = _Reader()
    hub.speak("book", _book(5, ((10, 1),)))
    await hub.join(("book", "AAPL"), reader)
    if lost:
        hub._nats.losses += 1
        hub._doubt()
    hub.speak("book", _book(6 if lost else 5, ((10, 1),)))
    assert [each["type"] for each in reader.told] == ["subscribed", "snapshot", "snapshot"]


async def test_each_account_hears_of_its_own_orders_and_each_symbol_has_its_own_numbers(hub: _Hub) -> None:
    one, two, market = _Reader(), _Reader(), _Reader()
    await hub.join(("orders", 1), one)
    await hub.join(("orders", 2), two)
    await hub.join(("trades", "AAPL"), market)
    hub.speak("orders", Accepted(symbol="AAPL", ts=1, seq=9, pos=0, user_id=1, order_id=9, side="buy", quantity=5.0))
    hub.speak("orders", _fill(1, 2))
    hub.speak("orders", _fill(3, 4))
    for symbol in ("AAPL", "MSFT", "AAPL"):
        hub.speak("trades", Trade(symbol=symbol, ts=1, seq=9, pos=1, side="buy", price=10.0, quantity=5.0))
    heard = [[(e["number"], e["event"]["type"]) for e in each.told[1:]] for each in (one, two)]  # type: ignore[index]
    assert heard == [[(1, "accepted"), (2, "fill")], [(1, "fill")]]
    assert [(each["number"], each.get("symbol")) for each in market.told] == [(0, "AAPL"), (1, "AAPL"), (2, "AAPL")]


async def test_who_left_hears_nothing_more_and_its_room_is_gone(hub: _Hub) -> None:
    reader = _Reader()
    await hub.join(("book", "AAPL"), reader)
    hub.leave(("book", "AAPL"), reader)
    hub.leave(("book", "AAPL"), reader)
    hub.speak("book", _book(5, ()))
    assert len(reader.told) == 2
    assert hub._rooms == {}
