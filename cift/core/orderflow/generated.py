"""Order flow at random, around a price, from a seed: the same seed gives the same events everywhere.

What arrives is of zero intelligence, after Farmer, Patelli and Zovko (PNAS 2005): limit orders, market orders and
cancels are drawn independently; a limit order's price is uniform within a band behind the other side's best. When it
arrives is a Poisson process, or a Hawkes process, in which each event brings on others for a while (Hawkes 1971).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal

from cift_core import FastOrderBook

from cift.core.messages import Side
from cift.core.orderflow.events import FlowEvent

_MID_TICKS = 10_000
_TICKS_PER_UNIT = 100
_BAND_TICKS = 30
_RATE = 1000.0
# Of a Hawkes process: how many events each one brings on (Filimonov and Sornette 2012 found 0.7 and more), and how fast
# that fades, in mean gaps.
_BRANCHING, _FADES = 0.7, 2.0
_CANCEL, _REDUCE, _TAKE = 0.30, 0.05, 0.15
_LOTS = (10, 20, 50, 100, 100, 100, 200, 300)
_NOBODY = 0


Arrivals = Literal["zero_intelligence", "hawkes"]
_Gap = Callable[[], float]


def generate(
    events: int | None, seed: int, *, arrivals: Arrivals = "zero_intelligence", rate: float = _RATE
) -> Iterator[FlowEvent]:
    """Generate so many events (None: without end); `rate` arrivals a second in the mean, some of several events.

    Prices are multiples of 0.01, quantities multiples of 10.
    """
    chance = random.Random(seed)  # noqa: S311  repeatable on purpose
    market = _Market(chance, _hawkes(chance, rate) if arrivals == "hawkes" else _poisson(chance, rate))
    return islice(market.events(), events)


def _poisson(chance: random.Random, rate: float) -> _Gap:
    mean_ns = 1e9 / rate
    return lambda: chance.expovariate(1 / mean_ns)


def _hawkes(chance: random.Random, rate: float) -> _Gap:
    """Draw gaps of a Hawkes process with an exponential kernel, by thinning (Ogata 1981)."""
    base, fading = rate * (1 - _BRANCHING), rate * _FADES
    excited = 0.0

    def gap() -> float:
        nonlocal excited
        waited = 0.0
        while True:
            bound = base + excited
            step = chance.expovariate(bound)
            waited += step
            excited *= math.exp(-fading * step)
            if chance.random() * bound <= base + excited:
                excited += _BRANCHING * fading
                return waited * 1e9

    return gap


class _Market:
    """What rests, so that cancels and executions name orders that are really there."""

    def __init__(self, chance: random.Random, gap: _Gap) -> None:
        self._chance, self._gap = chance, gap
        self._book = FastOrderBook("GENERATED")
        self._live: list[int] = []
        self._place: dict[int, int] = {}
        self._next_id = 1
        self._now_ns = 0

    def events(self) -> Iterator[FlowEvent]:
        """Yield events without end."""
        while True:
            yield from self.step()

    def step(self) -> list[FlowEvent]:
        """Let one thing happen; a taking order is one event for each order that it takes from."""
        self._now_ns += 1 + int(self._gap())
        draw = self._chance.random()
        if len(self._live) < 2 * len(_LOTS):
            return self._add()
        if draw < _CANCEL:
            return self._cancel()
        if draw < _CANCEL + _REDUCE:
            return self._reduce()
        if draw < _CANCEL + _REDUCE + _TAKE:
            return self._take()
        return self._add()

    def _add(self) -> list[FlowEvent]:
        side: Side = "buy" if self._chance.random() < 0.5 else "sell"
        best = self._book.best_ask() if side == "buy" else self._book.best_bid()
        other = _MID_TICKS if best is None else round(best * _TICKS_PER_UNIT)
        behind = self._chance.randint(1, _BAND_TICKS)
        price = (other - behind if side == "buy" else other + behind) / _TICKS_PER_UNIT
        order_id, self._next_id = self._next_id, self._next_id + 1
        quantity = float(self._chance.choice(_LOTS))
        self._book.add_limit_order(order_id, side, price, quantity, _NOBODY)
        self._place[order_id] = len(self._live)
        self._live.append(order_id)
        return [FlowEvent(self._now_ns, "add", order_id, side, price, quantity)]

    def _cancel(self) -> list[FlowEvent]:
        order = self._book.order(self._chance.choice(self._live))
        if order is None:
            raise AssertionError("a live order rests")
        self._book.cancel_order(order.order_id)
        self._forget(order.order_id)
        return [FlowEvent(self._now_ns, "cancel", order.order_id, order.side, order.price, order.quantity)]

    def _reduce(self) -> list[FlowEvent]:
        order = self._book.order(self._chance.choice(self._live))
        if order is None or order.quantity <= _LOTS[0]:
            return self._add()
        by = float(self._chance.randrange(_LOTS[0], int(order.quantity), _LOTS[0]))
        self._book.reduce_order(order.order_id, by)
        return [FlowEvent(self._now_ns, "reduce", order.order_id, order.side, order.price, by)]

    def _take(self) -> list[FlowEvent]:
        side: Side = "buy" if self._chance.random() < 0.5 else "sell"
        maker_side: Side = "sell" if side == "buy" else "buy"
        quantity = float(self._chance.choice(_LOTS))
        order_id, self._next_id = self._next_id, self._next_id + 1
        fills = self._book.add_market_order(order_id, side, quantity, _NOBODY)
        for fill in fills:
            if self._book.order(fill.maker_order_id) is None:
                self._forget(fill.maker_order_id)
        return [
            FlowEvent(self._now_ns, "execute", fill.maker_order_id, maker_side, fill.price, fill.quantity)
            for fill in fills
        ]

    def _forget(self, order_id: int) -> None:
        at = self._place.pop(order_id)
        last = self._live.pop()
        if last != order_id:
            self._live[at] = last
            self._place[last] = at
