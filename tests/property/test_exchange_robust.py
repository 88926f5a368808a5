"""Whatever comes in, the exchange answers: any rows, snapshots with any damage. A refusal leaves the books alone."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import numpy as np
import pytest
from cift_core import EXCHANGE_COMMAND_DTYPE, Exchange
from cift_core.exchange import EVERY_USER, EventKind, LimitKind, Op, commands
from hypothesis import given, settings
from hypothesis import strategies as st

FLOATS = st.one_of(
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1.0, 0.005, 1e300, 5e-324, 10.0, 10.01, 9.99]),
    st.floats(min_value=9, max_value=11).map(lambda value: round(value, 2)),
)
SMALL = st.integers(min_value=0, max_value=6)
ROWS = st.fixed_dictionaries(
    {
        "time": st.one_of(st.integers(min_value=0, max_value=2**64 - 1), SMALL),
        "order_id": st.one_of(SMALL, st.integers(min_value=0, max_value=2**64 - 1)),
        "user_id": st.one_of(SMALL, st.just(EVERY_USER)),
        "symbol": st.sampled_from([0, 1, 2, 2**32 - 1]),
        "op": st.one_of(st.sampled_from([int(op) for op in Op]), st.integers(min_value=0, max_value=255)),
        "side": st.sampled_from([0, 1, 0, 1, 2, 255]),
        "tif": st.integers(min_value=0, max_value=8),
        "flags": st.integers(min_value=0, max_value=15),
        "price": FLOATS,
        "quantity": st.one_of(FLOATS, st.integers(min_value=1, max_value=9).map(float)),
        "display_quantity": st.one_of(st.just(0.0), FLOATS),
        "min_quantity": st.one_of(st.just(0.0), FLOATS),
        "trigger": st.one_of(st.just(0.0), FLOATS),
        "trail": st.one_of(st.just(0.0), FLOATS),
        "expires": st.integers(min_value=0, max_value=2**64 - 1),
    }
)


def opened() -> Exchange:
    exchange = Exchange()
    exchange.add_symbol("AAPL")
    exchange.add_symbol("BTC", tick_size=0.01, lot_size=1e-8, stp="decrement")
    return exchange


def sums_agree(exchange: Exchange) -> None:
    """A restored exchange works its sums out anew: they must be what the running one has."""
    again = Exchange()
    again.restore(exchange.snapshot())
    assert again.state_hash() == exchange.state_hash()
    for user in range(7):
        ours, theirs = exchange.user(user), again.user(user)
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            for name in ("cash", "exposure", "held", "open_notional", "open_orders"):
                assert getattr(ours, name) == getattr(theirs, name), name


@given(st.lists(ROWS, max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_rows(rows: list[dict[str, Any]]) -> None:
    exchange = opened()
    batch = commands(*rows)
    events = exchange.submit_batch(batch)
    assert events["sequence"].tolist() == list(range(len(events)))
    sums_agree(exchange)
    other = opened()
    assert other.submit_batch(batch).tobytes() == events.tobytes()


@given(st.integers(min_value=0))
@settings(max_examples=60, deadline=None)
def test_rows_of_any_bytes(seed: int) -> None:
    data = random.Random(seed).randbytes(EXCHANGE_COMMAND_DTYPE.itemsize * 40)
    exchange = opened()
    batch = np.frombuffer(data, EXCHANGE_COMMAND_DTYPE).copy()
    batch["op"] %= 28
    batch["symbol"] %= 3
    exchange.submit_batch(batch)
    sums_agree(exchange)


@given(ROWS)
@settings(max_examples=300, deadline=None)
def test_a_refused_command_leaves_the_books_alone(row: dict[str, Any]) -> None:
    exchange = opened()
    exchange.set_limit("max_quantity", 5)
    exchange.submit_batch(
        commands(
            {"op": Op.LIMIT, "order_id": 1, "user_id": 1, "side": 0, "price": 9.99, "quantity": 5},
            {"op": Op.LIMIT, "order_id": 2, "user_id": 2, "side": 1, "price": 10.01, "quantity": 5},
        )
    )
    before = exchange.depth("AAPL"), exchange.depth("BTC")
    events = exchange.submit_batch(commands(row))
    if [event["kind"] for event in events] == [EventKind.REJECTED]:
        assert (exchange.depth("AAPL"), exchange.depth("BTC")) == before
        assert events["code"][0] > 0


def test_a_damaged_snapshot_changes_nothing() -> None:
    exchange = opened()
    exchange.set_limit("duplicate_window", 1000)
    exchange.set_limit("max_messages", 100, window=1000)
    for number in range(20):
        row = {"op": Op.LIMIT, "order_id": number, "user_id": number % 3, "side": number % 2, "price": 10.0}
        exchange.submit_batch(commands(row | {"quantity": 1 + number % 4, "time": number}))
    whole, other = exchange.snapshot(), opened()
    other.submit_batch(commands({"op": Op.SET_CASH, "user_id": 5, "symbol": 2**32 - 1, "price": 1.0}))
    before = other.state_hash()
    chance = random.Random(3)
    for _ in range(400):
        damaged = bytearray(whole)
        if chance.random() < 0.5:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        else:
            del damaged[chance.randrange(len(damaged)) :]
        with pytest.raises(ValueError, match="snapshot"):
            other.restore(bytes(damaged))
        assert other.state_hash() == before
    other.restore(whole)
    assert other.state_hash() == exchange.state_hash()


@given(st.sampled_from(list(LimitKind)), st.floats(), st.integers(min_value=0, max_value=2**64 - 1))
@settings(max_examples=200, deadline=None)
def test_any_limit_is_taken_or_refused(kind: LimitKind, value: float, window: int) -> None:
    exchange = opened()
    name = kind.name.lower()
    with contextlib.suppress(ValueError):
        exchange.set_limit(name, value, window=window)  # type: ignore[arg-type]
    exchange.check_order("BTC", 1, "buy", 1e-8, 0.01)
    sums_agree(exchange)
