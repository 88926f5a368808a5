"""The slow book's lists, and how orders take from them: one list per side, searched from the front for everything."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from tests.property.reference_orders import SHOWN, WHOLE, Fill, Order, Stop


class ReferenceMatching:
    def __init__(self, stp: str = "none") -> None:
        self.stp = stp
        self.phase = "continuous"
        self.last: int | None = None
        self.stops: list[Stop] = []
        self.fired: list[Stop] = []
        self.triggered: list[int] = []
        self.now = 0
        # Best price first, of equals what shows, then hidden and pegged orders, then all-or-none ones.
        self.sides: dict[str, list[Order]] = {"buy": [], "sell": []}
        self.asleep: list[Order] = []
        self.positions: dict[int, int] = {}
        self.entered = 0
        self.cancels: list[tuple[int, int, str]] = []
        # The trades that followed from a command whose answer has no room for them.
        self.followed: list[Fill] = []

    def begin(self) -> None:
        self.cancels, self.triggered = [], []

    def orders(self) -> list[Order]:
        return self.sides["buy"] + self.sides["sell"] + self.asleep

    def find(self, order_id: int) -> Order | None:
        return next((order for order in self.orders() if order.id == order_id), None)

    def crosses(self, side: str, price: int | None, maker: Order) -> bool:
        if price is None:
            return True
        return maker.asked <= price if side == "buy" else maker.asked >= price

    def other(self, side: str) -> list[Order]:
        return self.sides["sell" if side == "buy" else "buy"]

    def shown(self, side: str) -> list[Order]:
        return [order for order in self.sides[side] if order.rank == SHOWN]

    def gathered(self, side: str) -> list[Order]:
        """Those that take part in auctions: all but all-or-none orders."""
        return [order for order in self.sides[side] if order.rank != WHOLE]

    def best(self, side: str) -> int | None:
        """The best price that shows."""
        return next((order.asked for order in self.shown(side)), None)

    def opposite(self, side: str) -> str:
        return "sell" if side == "buy" else "buy"

    def makers(self, side: str, price: int | None, quantity: int, skip_whole: bool = False) -> Iterator[Order]:
        """Whom an order of this side, price and quantity would meet."""
        for maker in self.other(side):
            if not self.crosses(side, price, maker):
                return
            if maker.rank != WHOLE or (maker.quantity <= quantity and not skip_whole):
                yield maker

    def takes_at(self, side: str, price: int, quantity: int) -> int | None:
        return next((maker.asked for maker in self.makers(side, price, quantity)), None)

    def rest(self, order: Order) -> None:
        if (order.peg or order.reduce_only) and not order.number:
            self.entered += 1
            order.number = self.entered
        if order.price is None:
            self.asleep.append(order)
            self.asleep.sort(key=lambda sleeping: sleeping.number)
            return
        queue = self.sides[order.side]
        queue.append(order)
        # Sorting is stable: at the same price and rank, who came first stays first.
        sign = -1 if order.side == "buy" else 1
        queue.sort(key=lambda resting: (sign * resting.asked, resting.rank))

    def unrest(self, order: Order) -> None:
        (self.asleep if order.price is None else self.sides[order.side]).remove(order)

    def leave(self, order: Order, reason: str) -> None:
        self.unrest(order)
        self.cancels.append((order.id, order.open, reason))

    def reducible(self, user: int, side: str) -> int:
        position = self.positions.get(user, 0)
        return max(0, -position if side == "buy" else position)

    def trade(self, price: int) -> None:
        """Tell the stops of a trade: first the trailing ones move, then those that the price reaches fire."""
        self.last = price
        for stop in self.stops:
            if stop in self.fired:
                continue
            if stop.trail and stop.side == "buy":
                stop.trigger = min(stop.trigger, price + stop.trail)
            elif stop.trail:
                stop.trigger = max(stop.trigger, price - stop.trail)
            if price >= stop.trigger if stop.side == "buy" else price <= stop.trigger:
                self.fired.append(stop)

    def fill(self, price: int, quantity: int, maker: Order, taker: Order) -> Fill:
        for order in (maker, taker):
            if order.user in self.positions:
                self.positions[order.user] += quantity if order.side == "buy" else -quantity
        return Fill(price, quantity, maker.id, maker.user, taker.id, taker.user)

    def trades_at_least(self, taker: Order, price: int, wanted: int) -> bool:
        """Take with a copy, which stops where an order would meet its owner's, and count what traded."""
        trial, taker = copy.deepcopy(self), copy.copy(taker)
        if trial.stp == "decrement":
            trial.stp = "cancel_taker"
        return sum(fill.quantity for fill in trial.take(taker, price)) >= wanted

    def take(self, taker: Order, limit: int | None, skip_whole: bool = False) -> list[Fill]:
        fills = []
        while taker.quantity:
            maker = next(self.makers(taker.side, limit, taker.quantity, skip_whole), None)
            if maker is None:
                break
            both = min(taker.quantity, maker.quantity)
            if self.stp == "none" or maker.user != taker.user:
                if maker.reduce_only:
                    both = min(both, self.reducible(maker.user, maker.side))
                if not both:
                    self.leave(maker, "reduce_only")
                    continue
                price = maker.asked
                fills.append(self.fill(price, both, maker, taker))
                taker.quantity -= both
                self.shrink(maker, both)
                self.trade(price)
                continue
            if self.stp in ("cancel_maker", "cancel_both"):
                self.leave(maker, "self_trade")
            if self.stp in ("cancel_taker", "cancel_both"):
                self.cancels.append((taker.id, taker.quantity, "self_trade"))
                taker.quantity = 0
            if self.stp == "decrement":
                self.cancels += [(maker.id, both, "self_trade"), (taker.id, both, "self_trade")]
                taker.quantity -= both
                self.shrink(maker, both)
        return fills

    def shrink(self, maker: Order, by: int) -> None:
        """Take `by` off what stands in the queue; an iceberg then shows more, behind everybody at its price."""
        maker.quantity -= by
        if maker.quantity:
            return
        self.unrest(maker)
        if maker.reserve:
            maker.quantity = min(maker.display, maker.reserve)
            maker.reserve -= maker.quantity
            self.rest(maker)
