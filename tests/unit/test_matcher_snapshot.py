"""A matcher's snapshot: what is restored decides as the original does, and damage is told."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cift.core.matcher_state import SnapshotError
from cift.core.matching import Matcher
from cift.core.messages import (
    AnyCommand,
    AnyEvent,
    CancelOrder,
    MassCancel,
    ModifyOrder,
    NewOrder,
    ReduceOrder,
    SetInstrument,
)
from tests.unit.test_engine_matching import LIMITS, instrument, random_commands, recent


def _special(chance: random.Random) -> dict[str, object]:
    """Return what makes an order more than plain, or nothing."""
    return chance.choice(
        [
            {},
            {"client_order_id": f"name-{chance.randint(1, 40)}"},
            {"order_type": "stop", "price": None, "trigger_price": 100 + chance.randint(-9, 9) / 100},
            {"order_type": "pegged", "price": None, "peg": chance.choice(["primary", "mid", "market"])},
            {"hidden": True},
            {"display_quantity": 1.0},
            {"tif": "GTD", "expires": chance.randint(1, 400)},
            {"reduce_only": True},
        ]
    )


def _commands(count: int, seed: int) -> list[AnyCommand]:
    """Two symbols, one with special orders; names used again, owners mixed up, everything in between."""
    chance = random.Random(seed)
    other = SetInstrument(symbol="MSFT", ts=0, user_id=0, tick_size=0.05, lot_size=0.1)
    commands: list[AnyCommand] = [instrument(), LIMITS, other]
    while len(commands) < count:
        symbol = chance.choice(["AAPL", "MSFT"])
        base: dict[str, Any] = {"symbol": symbol, "ts": len(commands), "user_id": chance.randint(1, 4)}
        kind = chance.random()
        order_id, opened = recent(commands, chance)
        theirs = base | ({"symbol": opened.symbol, "user_id": opened.user_id} if chance.random() < 0.9 else {})
        price = round(100 + chance.randint(-5, 5) / 20, 2)
        if kind < 0.15:
            commands.append(CancelOrder(**theirs, order_id=order_id))
        elif kind < 0.2:
            commands.append(ReduceOrder(**theirs, order_id=order_id, by=1.0))
        elif kind < 0.32:
            to = {"price": chance.choice([None, price]), "quantity": chance.choice([None, float(chance.randint(1, 9))])}
            commands.append(ModifyOrder(**theirs, order_id=order_id, **to))
        elif kind < 0.33:
            side, low = chance.choice(["buy", "sell", None]), chance.choice([None, price])
            commands.append(MassCancel(**base, side=side, min_price=low, max_price=chance.choice([None, 100.0])))
        else:
            order = {"side": chance.choice(["buy", "sell"]), "order_type": "limit", "price": price}
            order |= {"quantity": float(chance.randint(1, 9))}
            commands.append(NewOrder(**base | order | (_special(chance) if symbol == "AAPL" else {})))
    return commands


def _run(matcher: Matcher, commands: list[AnyCommand]) -> list[AnyEvent]:
    return [event for command in commands for event in matcher.apply(matcher.sequence + 1, command)]


@pytest.mark.parametrize("seed", range(8))
def test_a_restored_matcher_decides_as_the_original_does(seed: int) -> None:
    commands, original = _commands(1200, seed), Matcher()
    for start in range(0, len(commands), 200):
        restored = Matcher.restore(original.snapshot())
        part = commands[start : start + 200]
        assert _run(restored, part) == _run(original, part)
        assert restored.state_hash() == original.state_hash()
        assert restored.instruments == original.instruments
        assert restored.snapshot() == original.snapshot(), "taken again it is the same, whichever was restored"


@pytest.mark.parametrize("seed", range(4))
def test_names_and_owners_are_kept_of_live_orders_alone(seed: int) -> None:
    matcher = Matcher()
    for command in _commands(1200, seed):
        _run(matcher, [command])
        books = [market.book for market in matcher._markets.values()]
        live = {stop[0] for book in books for stop in book.stops()}
        known = {order_id for *_, order_id in matcher._known.names} | dict(matcher._known.owners).keys()
        gone = {order_id for order_id in known - live if not any(book.order(order_id) for book in books)}
        assert not gone, command


@pytest.mark.parametrize("seed", range(4))
def test_what_is_frozen_stays_as_it_was_while_the_matcher_goes_on(seed: int) -> None:
    commands, matcher = _commands(900, seed), Matcher()
    _run(matcher, commands[:600])
    snapshot, state, frozen = matcher.snapshot(), matcher.state_hash(), matcher.freeze()
    with ThreadPoolExecutor(1) as thread:
        encoding = thread.submit(frozen.encode)
        _run(matcher, commands[600:])
        assert encoding.result() == frozen.encode() == snapshot
    assert Matcher.restore(snapshot).state_hash() == state != matcher.state_hash()


def test_an_empty_matcher_has_a_snapshot() -> None:
    assert Matcher.restore(Matcher().snapshot()).sequence == 0


def _taken() -> bytes:
    matcher = Matcher()
    _run(matcher, random_commands(200))
    return matcher.snapshot()


@pytest.mark.parametrize("at", [0, 20, 60, -1])
def test_a_changed_byte_is_told(at: int) -> None:
    damaged = bytearray(_taken())
    damaged[at] ^= 1
    with pytest.raises(SnapshotError):
        Matcher.restore(bytes(damaged))


@pytest.mark.parametrize("length", [0, 5, 30, 100, -1])
def test_a_short_one_is_told(length: int) -> None:
    with pytest.raises(SnapshotError):
        Matcher.restore(_taken()[:length])
