"""A slow and obviously correct order book: one list per side, searched from the front for everything.

Prices are whole ticks, quantities whole lots. It refuses by `Refused`, whose text is the core's error code. `cancels`
are the last command's: `(order id, quantity, reason)`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import NamedTuple

END_OF_DAY = 2**64 - 1


class Refused(Exception):
    """The command is refused; the book is as it was."""


class Fill(NamedTuple):
    price: int
    quantity: int
    maker: int
    maker_user: int
    taker: int
    taker_user: int


@dataclass
class Order:
    """`quantity` is what shows, `reserve` what does not; `display` 0 shows everything."""

    id: int
    side: str
    price: int
    quantity: int
    user: int
    post_only: bool = False
    display: int = 0
    reserve: int = 0
    expires: int = 0

    @property
    def open(self) -> int:
        return self.quantity + self.reserve


class ReferenceBook:
    def __init__(self, stp: str = "none") -> None:
        self.stp = stp
        self.now = 0
        self.sides: dict[str, list[Order]] = {"buy": [], "sell": []}
        self.cancels: list[tuple[int, int, str]] = []

    def orders(self) -> list[Order]:
        return self.sides["buy"] + self.sides["sell"]

    def find(self, order_id: int) -> Order | None:
        return next((order for order in self.orders() if order.id == order_id), None)

    def crosses(self, side: str, price: int | None, maker: Order) -> bool:
        if price is None:
            return True
        return maker.price <= price if side == "buy" else maker.price >= price

    def would_take(self, side: str, price: int) -> bool:
        return any(self.crosses(side, price, maker) for maker in self.other(side))

    def other(self, side: str) -> list[Order]:
        return self.sides["sell" if side == "buy" else "buy"]

    def add_limit(
        self,
        order_id: int,
        side: str,
        price: int,
        quantity: int,
        user: int,
        tif: str = "GTC",
        post_only: str = "no",
        display: int = 0,
        min_quantity: int = 0,
        expires: int = 0,
    ) -> list[Fill]:
        self.cancels = []
        immediate = tif in ("IOC", "FOK")
        if self.find(order_id):
            raise Refused("duplicate_order_id")
        if immediate and (post_only != "no" or display):
            raise Refused("never_rests")
        if min_quantity > quantity:
            raise Refused("min_quantity")
        if tif == "GTD" and expires <= self.now:
            raise Refused("expired")
        if post_only != "no" and self.would_take(side, price):
            if post_only == "reject":
                raise Refused("post_only_would_take")
            best = self.other(side)[0].price
            price = best - 1 if side == "buy" else best + 1
            if price <= 0:
                raise Refused("post_only_would_take")
        elif not self.trades_at_least(side, price, quantity, user, quantity if tif == "FOK" else min_quantity):
            self.cancels.append((order_id, quantity, "unfilled"))
            return []
        taker = Order(order_id, side, price, quantity, user, post_only != "no")
        fills = self.take(taker, price)
        if taker.quantity and immediate:
            self.cancels.append((order_id, taker.quantity, "unfilled"))
        elif taker.quantity:
            if display:
                taker.display = display
                taker.reserve = max(0, taker.quantity - display)
                taker.quantity -= taker.reserve
            taker.expires = {"DAY": END_OF_DAY, "GTD": expires}.get(tif, 0)
            self.rest(taker)
        return fills

    def add_market(self, order_id: int, side: str, quantity: int, user: int) -> list[Fill]:
        self.cancels = []
        if self.find(order_id):
            raise Refused("duplicate_order_id")
        taker = Order(order_id, side, 0, quantity, user)
        fills = self.take(taker, None)
        if taker.quantity:
            self.cancels.append((order_id, taker.quantity, "unfilled"))
        return fills

    def add_market_to_limit(self, order_id: int, side: str, quantity: int, user: int) -> list[Fill]:
        if not self.other(side):
            return self.add_market(order_id, side, quantity, user)
        return self.add_limit(order_id, side, self.other(side)[0].price, quantity, user)

    def cancel(self, order_id: int) -> bool:
        self.cancels = []
        order = self.find(order_id)
        if order:
            self.leave(order, "user")
        return order is not None

    def cancel_all(self, user: int | None, side: str | None, low: int | None, high: int | None) -> None:
        self.cancels = []
        for order in self.orders():
            if (
                (user is None or order.user == user)
                and (side is None or order.side == side)
                and (low is None or order.price >= low)
                and (high is None or order.price <= high)
            ):
                self.leave(order, "user")

    def reduce(self, order_id: int, by: int) -> int:
        self.cancels = []
        order = self.find(order_id)
        if not order:
            raise Refused("unknown_order")
        if by >= order.open:
            self.leave(order, "user")
            return 0
        hidden = min(by, order.reserve)
        order.reserve -= hidden
        order.quantity -= by - hidden
        self.cancels.append((order_id, by, "user"))
        return order.open

    def modify(self, order_id: int, price: int | None, quantity: int | None) -> list[Fill]:
        self.cancels = []
        order = self.find(order_id)
        if not order:
            raise Refused("unknown_order")
        price = order.price if price is None else price
        quantity = order.open if quantity is None else quantity
        if price == order.price and quantity <= order.open:
            if quantity < order.open:
                self.reduce(order_id, order.open - quantity)
            return []
        if order.post_only and self.would_take(order.side, price):
            raise Refused("post_only_would_take")
        self.sides[order.side].remove(order)
        tif = {0: "GTC", END_OF_DAY: "DAY"}.get(order.expires, "GTD")
        post_only = "reject" if order.post_only else "no"
        return self.add_limit(
            order_id, order.side, price, quantity, order.user, tif, post_only, order.display, 0, order.expires
        )

    def advance(self, now: int) -> None:
        self.cancels = []
        self.now = max(self.now, now)
        self.expire(self.now)

    def end_of_day(self) -> None:
        self.cancels = []
        self.expire(END_OF_DAY)

    def expire(self, until: int) -> None:
        for order in sorted(self.orders(), key=lambda order: (order.expires, order.id)):
            if 0 < order.expires <= until:
                self.leave(order, "expired")

    def leave(self, order: Order, reason: str) -> None:
        self.sides[order.side].remove(order)
        self.cancels.append((order.id, order.open, reason))

    def rest(self, order: Order) -> None:
        queue = self.sides[order.side]
        queue.append(order)
        # Sorting is stable: at the same price, who came first stays first.
        queue.sort(key=lambda resting: -resting.price if order.side == "buy" else resting.price)

    def trades_at_least(self, side: str, price: int, quantity: int, user: int, wanted: int) -> bool:
        """Take with a copy, which stops where an order would meet its owner's, and count what traded."""
        trial = copy.deepcopy(self)
        if trial.stp == "decrement":
            trial.stp = "cancel_taker"
        fills = trial.take(Order(-1, side, price, quantity, user), price)
        return sum(fill.quantity for fill in fills) >= wanted

    def take(self, taker: Order, limit: int | None) -> list[Fill]:
        fills = []
        makers = self.other(taker.side)
        while taker.quantity and makers and self.crosses(taker.side, limit, makers[0]):
            maker = makers[0]
            both = min(taker.quantity, maker.quantity)
            if self.stp == "none" or maker.user != taker.user:
                fills.append(Fill(maker.price, both, maker.id, maker.user, taker.id, taker.user))
                taker.quantity -= both
                self.shrink(maker, both)
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
        """Take `by` off what shows; an iceberg then shows more, behind everybody at its price."""
        maker.quantity -= by
        if maker.quantity:
            return
        self.sides[maker.side].remove(maker)
        if maker.reserve:
            maker.quantity = min(maker.display, maker.reserve)
            maker.reserve -= maker.quantity
            self.rest(maker)
