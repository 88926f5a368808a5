"""submit_batch with an exchange's rows: the same outcome as call by call, for orders of all types."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from cift_core import FastOrderBook, dtypes
from cift_core.exchange import ALL_OR_NONE, EVERY_SIDE, EVERY_USER, HIDDEN, REDUCE_ONLY, Op, commands

from tests.property.book_commands import TICK, apply_core, random_command
from tests.property.reference_orders import Terms

TIFS = ("GTC", "IOC", "FOK", "DAY", "GTD", "ATO", "ATC")
PHASES = ("continuous", "halted", "opening_auction", "closing_auction", "volatility_auction")
PEGS = {"primary": 32, "mid": 64, "market": 96}


def priced(price: int | None) -> float:
    return np.nan if price is None else price * TICK


def with_terms(row: dict[str, Any], terms: Terms) -> dict[str, Any]:
    flags = {"no": 0, "reject": 1, "reprice": 2}[terms.post_only]
    flags |= terms.reduce_only * REDUCE_ONLY | terms.hidden * HIDDEN | terms.whole * ALL_OR_NONE
    return row | {
        "tif": TIFS.index(terms.tif),
        "flags": flags,
        "display_quantity": terms.display,
        "min_quantity": terms.min_quantity,
        "expires": terms.expires,
    }


def as_row(name: str, *rest: Any) -> dict[str, Any]:
    """A random command of the property tests as a row."""
    match name:
        case "limit" | "market" | "to limit" | "notional" | "pegged" | "stop":
            return order_row(name, *rest)
        case "cancel":
            return {"op": Op.CANCEL, "order_id": rest[0]}
        case "reduce":
            return {"op": Op.REDUCE, "order_id": rest[0], "quantity": rest[1]}
        case "modify":
            order_id, price, quantity = rest
            quantity = np.nan if quantity is None else quantity
            return {"op": Op.MODIFY, "order_id": order_id, "price": priced(price), "quantity": quantity}
        case "cancel all":
            user, side, low, high = rest
            row = {"side": EVERY_SIDE if side is None else int(side == "sell"), "price": priced(low)}
            user = EVERY_USER if user is None else user
            return row | {"op": Op.MASS_CANCEL, "user_id": user, "trigger": priced(high)}
        case "phase":
            return {"op": Op.SET_PHASE, "flags": PHASES.index(rest[0])}
        case "uncross":
            return {"op": Op.UNCROSS, "price": priced(rest[0])}
        case "advance":
            return {"op": Op.ADVANCE, "time": rest[0]}
        case "end of day":
            return {"op": Op.END_OF_DAY}
        case _:
            user, position = rest
            return {"op": Op.SET_POSITION, "user_id": user, "quantity": np.nan if position is None else position}


def order_row(name: str, order_id: int, side: str, *rest: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"order_id": order_id, "side": int(side == "sell")}
    if name == "limit":
        price, quantity, user, *terms = rest
        row |= {"op": Op.LIMIT, "price": price * TICK, "quantity": quantity, "user_id": user}
        return with_terms(row, Terms(*terms))
    if name == "stop":
        user, quantity, trigger, trail, price, *terms = rest
        row |= {"op": Op.STOP, "quantity": quantity, "user_id": user, "price": priced(price)}
        return with_terms(row | {"trigger": trigger * TICK, "trail": trail * TICK}, Terms(*terms))
    if name == "pegged":
        quantity, user, (kind, offset, limit), tif, expires, reduce_only = rest
        row |= {"op": Op.PEGGED, "quantity": quantity, "user_id": user, "price": priced(limit)}
        flags = PEGS[kind] | reduce_only * REDUCE_ONLY
        return row | {"trail": offset * TICK, "tif": TIFS.index(tif), "expires": expires, "flags": flags}
    if name == "notional":
        amount, user = rest
        return row | {"op": Op.NOTIONAL, "quantity": amount * TICK, "user_id": user}
    quantity, user, reduce_only = rest
    op = Op.MARKET if name == "market" else Op.MARKET_TO_LIMIT
    return row | {"op": op, "quantity": quantity, "user_id": user, "flags": reduce_only * REDUCE_ONLY}


@pytest.mark.parametrize("seed", range(4))
def test_the_same_outcome_as_call_by_call(seed: int) -> None:
    chance = random.Random(seed)
    singly, batched = FastOrderBook("X", stp="decrement"), FastOrderBook("X", stp="decrement")
    drawn = [random_command(chance) for _ in range(3000)]
    refused, fills = [], []
    for number, command in enumerate(drawn):
        outcome = apply_core(singly, command)
        if command[0] == "cancel" and outcome == (
            False,
            [],
        ):  # to cancel what is not there is no error to a single call
            outcome = "unknown_order"
        if isinstance(outcome, str):
            refused.append(number)
        else:
            fills += [(number, *fill[:3]) for fill in singly.fills()]
    events = batched.submit_batch(commands(*(as_row(*command) for command in drawn)))
    assert events["command"][events["kind"] == dtypes.REJECTED].tolist() == refused
    found = events[events["kind"] == dtypes.FILL]
    assert found[["command", "price", "quantity", "maker_order_id"]].tolist() == fills
    assert len(fills) > 300
    assert batched.state_hash() == singly.state_hash()


def test_time_comes_with_a_row() -> None:
    book = FastOrderBook("X")
    rows = commands(
        {"op": Op.LIMIT, "order_id": 1, "price": 10.0, "quantity": 5, "tif": 4, "expires": 100},
        {"op": Op.LIMIT, "order_id": 2, "price": 9.0, "quantity": 5, "time": 100},
    )
    kinds = book.submit_batch(rows)[["kind", "order_id", "code"]].tolist()
    assert kinds == [(dtypes.ACCEPTED, 1, 0), (dtypes.CANCELLED, 1, 3), (dtypes.ACCEPTED, 2, 0)]


@pytest.mark.parametrize(
    "row", [{"op": 20}, {"op": 99}, {"op": Op.LIMIT, "flags": 32}, {"op": Op.PEGGED}, {"op": 11, "flags": 9}]
)
def test_a_row_that_means_nothing_is_refused(row: dict[str, Any]) -> None:
    book = FastOrderBook("X")
    before = book.state_hash()
    events = book.submit_batch(commands({"order_id": 1, "price": 1.0, "quantity": 1.0} | row))
    assert events["kind"].tolist() == [dtypes.REJECTED]
    assert book.state_hash() == before


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(TypeError, match="COMMAND_DTYPE or EXCHANGE_COMMAND_DTYPE"):
        FastOrderBook("X").submit_batch(np.zeros(1, dtypes.EVENT_DTYPE))
