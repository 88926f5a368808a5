"""What must hold after every command, whatever came before."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from cift_core import FastOrderBook
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.book_commands import STP_MODES, apply_core, random_command

SEEDS = st.integers(min_value=0, max_value=2**32)
MODES = st.sampled_from(STP_MODES)
SIDES: tuple[Any, ...] = ("buy", "sell")
quick = settings(max_examples=80, deadline=None)


def played(stp: Any, seed: int, count: int = 150, *, special: bool = True) -> FastOrderBook:
    book, chance = FastOrderBook("X", stp=stp), random.Random(seed)
    for _ in range(count):
        apply_core(book, random_command(chance, special=special))
    return book


@given(MODES, SEEDS)
@quick
def test_never_crossed_and_depth_is_the_sum_of_orders(stp: Any, seed: int) -> None:
    book, chance = FastOrderBook("X", stp=stp), random.Random(seed)
    for _ in range(150):
        apply_core(book, random_command(chance))
        bid, ask = book.best_bid(), book.best_ask()
        if bid is not None and ask is not None and book.phase == "continuous":
            assert bid < ask
        bids, asks = book.depth(1000)
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert (bids[0][0] if bids else None) == bid
        assert (asks[0][0] if asks else None) == ask
        for side, levels in (("buy", bids), ("sell", asks)):
            sums: dict[float, float] = {}
            for _, price, quantity, _ in book.orders(side):
                assert quantity > 0
                sums[price] = sums.get(price, 0.0) + quantity
            assert list(sums.items()) == levels


def open_quantities(book: FastOrderBook) -> dict[int, float]:
    """What is left of every resting order, whether it shows or not, and of every stop."""
    ids = _ids(book)
    resting = {i: order.quantity for i in ids if (order := book.order(i))}
    return resting | {i: quantity for i, _, _, quantity, _ in book.stops()}


def asked(command: Any, before: dict[int, float], book: FastOrderBook) -> float:
    """How much a command that was carried out brought into the book."""
    match command:
        case ("limit" | "stop", _, _, _, quantity, *_) | ("pegged" | "market" | "to limit", _, _, quantity, *_):
            return float(quantity)
        case ("modify", order_id, _, quantity):
            came = 0.0 if quantity is None else quantity - before[order_id]
            return came + sum(lots for i, lots, why in book.cancelled() if i == order_id and why == "user")
        case ("notional", order_id, *_):
            # The order is as large as what it took, with or without a trade.
            taken = sum(fill.quantity for fill in book.fills() if fill.taker_order_id == order_id)
            return taken + sum(lots for i, lots, _ in book.cancelled() if i == order_id)
    return 0.0


@given(MODES, SEEDS)
@quick
def test_quantity_is_conserved(stp: Any, seed: int) -> None:
    """What came in rests, was filled (twice: maker and taker), or was cancelled with a word."""
    book, chance = FastOrderBook("X", stp=stp), random.Random(seed)
    for _ in range(150):
        before = open_quantities(book)
        command = random_command(chance)
        outcome = apply_core(book, command)
        came = 0.0
        if not isinstance(outcome, str):
            gone = book.cancelled()
            came = asked(command, before, book) - 2 * sum(fill.quantity for fill in book.fills())
            came -= sum(lots for _, lots, _ in gone)
        assert sum(before.values()) + came == sum(open_quantities(book).values())


@given(SEEDS)
@quick
def test_makers_fill_first_come_first_served(seed: int) -> None:
    book, chance = FastOrderBook("X"), random.Random(seed)
    for _ in range(150):
        command = random_command(chance, special=False)
        queue = {side: [i for i, *_ in book.orders(side)] for side in ("buy", "sell")}
        outcome = apply_core(book, command)
        if isinstance(outcome, list) and outcome:
            makers = [fill.maker for fill in outcome]
            side = "sell" if makers[0] in queue["sell"] else "buy"
            expected = [i for i in queue[side] if i != command[1]]
            assert makers == expected[: len(makers)]


@given(SEEDS)
@quick
def test_a_queue_position_counts_who_comes_before(seed: int) -> None:
    book = played("none", seed)
    for side in ("buy", "sell"):
        ahead: dict[float, tuple[int, float]] = {}
        for order_id, price, quantity, _ in book.orders(side):
            orders, lots = ahead.get(price, (0, 0.0))
            assert book.queue_position(order_id) == (orders, lots)
            ahead[price] = (orders + 1, lots + quantity)
    assert book.queue_position(10_000) is None


@given(MODES, SEEDS)
@quick
def test_replay_and_snapshot_equal_the_original(stp: Any, seed: int) -> None:
    book, again = played(stp, seed), played(stp, seed)
    assert book.state_hash() == again.state_hash()
    restored = FastOrderBook("X", stp=stp)
    restored.restore(book.snapshot())
    assert restored.state_hash() == book.state_hash()
    assert restored.snapshot() == book.snapshot()
    chance = random.Random(seed + 1)
    for _ in range(60):
        command = random_command(chance)
        assert apply_core(restored, command) == apply_core(book, command)
    assert restored.state_hash() == book.state_hash()


@given(MODES, SEEDS)
@quick
def test_giving_memory_back_changes_nothing(stp: Any, seed: int) -> None:
    book, again = played(stp, seed), played(stp, seed)
    again.shrink()
    again.reserve(500)
    assert again.state_hash() == book.state_hash()
    chance = random.Random(seed + 1)
    for _ in range(60):
        command = random_command(chance)
        assert apply_core(again, command) == apply_core(book, command)
    assert again.snapshot() == book.snapshot()


@given(SEEDS, st.data())
@quick
def test_a_damaged_snapshot_is_refused_and_changes_nothing(seed: int, data: st.DataObject) -> None:
    book = played("none", seed, 60)
    before = book.state_hash()
    snapshot = bytearray(played("none", seed + 1, 60).snapshot())
    at = data.draw(st.integers(0, len(snapshot) - 1))
    if data.draw(st.booleans()):
        del snapshot[at:]
    else:
        snapshot[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="snapshot"):
        book.restore(bytes(snapshot))
    assert book.state_hash() == before


BAD_NUMBERS = (math.nan, math.inf, -math.inf, 0.0, -1.0, 1e300, 0.005)
BAD: dict[str, Callable[[FastOrderBook, float], object]] = {
    "price": lambda book, bad: book.add_limit_order(999, "buy", bad, 1, 1),
    "pegged quantity": lambda book, bad: book.add_pegged_order(999, "buy", bad, 1, peg="mid"),
    "pegged limit_price": lambda book, bad: book.add_pegged_order(999, "buy", 1, 1, peg="mid", limit_price=bad),
    "reduce only quantity": lambda book, bad: book.add_market_order(999, "sell", bad, 1, reduce_only=True),
    "quantity": lambda book, bad: book.add_limit_order(999, "buy", 1.0, bad, 1),
    "market quantity": lambda book, bad: book.add_market_order(999, "sell", bad, 1),
    "reduce": lambda book, bad: book.reduce_order(_any_order(book), bad),
    "modify price": lambda book, bad: book.modify_order(_any_order(book), price=bad),
    "modify quantity": lambda book, bad: book.modify_order(_any_order(book), quantity=bad),
}


def _ids(book: FastOrderBook) -> list[int]:
    return [i for side in SIDES for i, *_ in (*book.orders(side), *book.unseen_orders(side))]


def unseen_crossings(book: FastOrderBook) -> list[Any]:
    """Hidden and pegged orders that should have traded with something on the other side."""
    best = {"buy": book.best_bid(), "sell": book.best_ask()}
    for side, better in (("buy", max), ("sell", min)):
        rows = [row[1] for row in book.unseen_orders(side) if row[4] != "all_or_none" and row[1] is not None]
        prices = [price for price in (best[side], *rows) if price is not None]
        best[side] = better(prices) if prices else None
    bid, ask = best["buy"], best["sell"]
    return [(bid, ask)] if bid is not None and ask is not None and bid >= ask else []


@given(MODES, SEEDS)
@quick
def test_what_is_special_is_at_rest_after_every_command(stp: Any, seed: int) -> None:
    """Nothing that trades crosses, pegs stand where they belong, reduce-only orders fit their owners' positions."""
    book, chance = FastOrderBook("X", stp=stp), random.Random(seed)
    for _ in range(150):
        apply_core(book, random_command(chance))
        if book.phase == "continuous":
            assert unseen_crossings(book) == []
        sums: dict[tuple[int, str], float] = {}
        for order in (book.order(order_id) for order_id in _ids(book)):
            assert order is not None
            if order.reduce_only:
                key = order.user_id, order.side
                sums[key] = sums.get(key, 0.0) + order.quantity
            if order.peg is not None and book.phase != "continuous":
                assert math.isnan(order.price)
            if order.peg == "primary" and not math.isnan(order.price):
                best = book.best_bid() if order.side == "buy" else book.best_ask()
                assert best is not None
        for (user, side), lots in sums.items():
            position = book.position(user) or 0.0
            assert lots <= (position if side == "sell" else -position)


@given(MODES, SEEDS)
@quick
def test_a_refused_command_changes_nothing(stp: Any, seed: int) -> None:
    book, chance = FastOrderBook("X", stp=stp), random.Random(seed)
    for _ in range(150):
        before = book.state_hash()
        if isinstance(apply_core(book, random_command(chance)), str):
            assert book.state_hash() == before


@given(SEEDS)
@quick
def test_every_removal_leaves_the_best_price_right(seed: int) -> None:
    book = played("none", seed)
    for order_id in random.Random(seed).sample(ids := _ids(book), len(ids)):
        book.cancel_order(order_id)
        for side, best in (("buy", book.best_bid()), ("sell", book.best_ask())):
            prices = [price for _, price, _, _ in book.orders(side)]  # type: ignore[arg-type]
            assert best == ((max if side == "buy" else min)(prices) if prices else None)


def _any_order(book: FastOrderBook) -> int:
    return next(i for side in ("buy", "sell") for i, *_ in book.orders(side))


@given(st.sampled_from(sorted(BAD)), st.sampled_from(BAD_NUMBERS), SEEDS)
@settings(max_examples=200, deadline=None)
def test_errors_name_the_field_and_leave_the_book_untouched(name: str, bad: float, seed: int) -> None:
    book = played("none", seed, 40, special=False)
    book.add_limit_order(500, "buy", 0.01, 5, 1)
    before = book.snapshot()
    field = "by" if name == "reduce" else name.split()[-1]
    with pytest.raises(ValueError, match=f"^{field} ") as caught:
        BAD[name](book, bad)
    assert caught.value.field == field
    assert book.snapshot() == before
