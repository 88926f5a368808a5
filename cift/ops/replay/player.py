"""Turns order flow into commands, and keeps the flow's ids apart from the target's.

An execution is played as an aggressive order at its price. Orders that rested before the flow began are known by price
alone: one anonymous order for each price of the seeding row, which events with unknown ids then use up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from cift.core.messages import Side
from cift.core.orderflow import FlowEvent
from cift.ops.replay.resting import Resting
from cift.ops.replay.result import Tally
from cift.ops.replay.target import Levels, RefusedError, Target

T = TypeVar("T")


class Player:
    """Plays events to a target, one after the other."""

    def __init__(self, target: Target, tally: Tally) -> None:
        self._target = target
        self._tally = tally
        self._resting = Resting()
        self._ids: dict[int, int] = {}
        self._anonymous: dict[tuple[Side, float], int] = {}

    def play(self, event: FlowEvent) -> None:
        """Play one event; what the target refuses is counted."""
        match event.kind:
            case "add":
                self._add(event)
            case "execute":
                self._execute(event)
            case "reduce" | "cancel":
                self._shrink(event)
            case "hidden" | "halt":
                pass

    def seed(self, side: Side, levels: Levels) -> None:
        """Rest one anonymous order at each level."""
        for price, quantity in levels:
            placed = self._target.place(side, price, quantity, "GTC")
            if placed.taken:
                raise RefusedError(f"seeding {side} {quantity:g} at {price:g} took from resting orders")
            self._resting.add(placed.order_id, side, price, quantity)
            self._anonymous[side, price] = placed.order_id

    def correct(self, side: Side, levels: Levels, *, beyond: float, whole: bool) -> None:
        """Make the prices worse than `beyond` what the row says, where no message told us; `whole` if it ends there.

        Orders that we thought rest there may have left unseen: if the sums differ, one anonymous order replaces them.
        """
        sign = -1 if side == "buy" else 1
        shown = {price: quantity for price, quantity in levels if sign * (price - beyond) > 0}
        end = max((sign * price for price in shown), default=sign * beyond)
        ours = {
            price
            for price in self._resting.prices(side)
            if sign * (price - beyond) > 0 and (whole or sign * price <= end)
        }
        for price in sorted(ours | shown.keys()):
            wanted = shown.get(price, 0.0)
            if self._resting.total(side, price) == wanted:
                continue
            for order_id in self._resting.at(side, price):
                self._target.cancel(order_id)
                self._resting.forget(order_id)
            if wanted:
                self.seed(side, ((price, wanted),))

    def clean_up(self) -> None:
        """Cancel everything of ours that still rests."""
        for order_id in self._resting.ids():
            self._target.cancel(order_id)
            self._resting.forget(order_id)

    def _add(self, event: FlowEvent) -> None:
        placed = self._timed(lambda: self._target.place(event.side, event.price, event.quantity, "GTC"))
        if placed is None:
            return
        self._tally.placed(placed.order_id)
        left = event.quantity
        for taken in placed.taken:
            # The flow says that it rested: its own market was not the one that we hold.
            self._tally.fills += 1
            self._resting.take(taken.maker_id, taken.quantity)
            left -= taken.quantity
        if left > 0:
            self._resting.add(placed.order_id, event.side, event.price, left)
            self._ids[event.order_id] = placed.order_id

    def _execute(self, event: FlowEvent) -> None:
        maker = self._find(event)
        if maker is None:
            self._tally.skipped += 1
            return
        taker_side: Side = "sell" if event.side == "buy" else "buy"
        placed = self._timed(lambda: self._target.place(taker_side, event.price, event.quantity, "IOC"))
        if placed is None:
            return
        self._tally.placed(placed.order_id)
        for taken in placed.taken:
            self._tally.fills += 1
            self._resting.take(taken.maker_id, taken.quantity)
            if taken.maker_id != maker:
                self._tally.out_of_turn += 1

    def _shrink(self, event: FlowEvent) -> None:
        order_id = self._find(event)
        if order_id is None:
            self._tally.skipped += 1
            return
        if event.quantity < self._resting.quantity(order_id):
            self._timed(lambda: self._target.reduce(order_id, event.quantity))
            self._resting.take(order_id, event.quantity)
        else:
            self._timed(lambda: self._target.cancel(order_id))
            self._resting.forget(order_id)

    def _find(self, event: FlowEvent) -> int | None:
        """Return the target's id of the order that an event is about, if it rests there."""
        order_id = self._ids.get(event.order_id)
        if order_id is None or order_id not in self._resting:
            order_id = self._anonymous.get((event.side, event.price))
        return order_id if order_id is not None and order_id in self._resting else None

    def _timed(self, command: Callable[[], T]) -> T | None:
        started = time.perf_counter_ns()
        try:
            answer = command()
        except RefusedError as error:
            self._tally.refused(str(error))
            return None
        self._tally.took(time.perf_counter_ns() - started)
        return answer
