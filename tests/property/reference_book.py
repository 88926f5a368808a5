"""A slow and obviously correct order book: one list per side, searched from the front for everything.

Prices are whole ticks, quantities whole lots. It refuses by `Refused`, whose text is the core's error code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


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
    id: int
    side: str
    price: int
    quantity: int
    user: int
    post_only: bool = False


class ReferenceBook:
    def __init__(self, stp: str = "none") -> None:
        self.stp = stp
        self.sides: dict[str, list[Order]] = {"buy": [], "sell": []}

    def find(self, order_id: int) -> Order | None:
        return next((order for orders in self.sides.values() for order in orders if order.id == order_id), None)

    def crosses(self, side: str, price: int | None, maker: Order) -> bool:
        if price is None:
            return True
        return maker.price <= price if side == "buy" else maker.price >= price

    def would_take(self, side: str, price: int) -> bool:
        return any(self.crosses(side, price, maker) for maker in self.other(side))

    def other(self, side: str) -> list[Order]:
        return self.sides["sell" if side == "buy" else "buy"]

    def add_limit(
        self, order_id: int, side: str, price: int, quantity: int, user: int, tif: str = "GTC", post_only: bool = False
    ) -> list[Fill]:
        if self.find(order_id):
            raise Refused("duplicate_order_id")
        if post_only and tif != "GTC":
            raise Refused("post_only_immediate")
        if post_only and self.would_take(side, price):
            raise Refused("post_only_would_take")
        taker = Order(order_id, side, price, quantity, user, post_only)
        if tif == "FOK" and not self.can_fill(taker, price):
            return []
        fills = self.take(taker, price)
        if taker.quantity and tif == "GTC":
            self.rest(taker)
        return fills

    def add_market(self, order_id: int, side: str, quantity: int, user: int) -> list[Fill]:
        if self.find(order_id):
            raise Refused("duplicate_order_id")
        return self.take(Order(order_id, side, 0, quantity, user), None)

    def cancel(self, order_id: int) -> bool:
        order = self.find(order_id)
        if order:
            self.sides[order.side].remove(order)
        return order is not None

    def reduce(self, order_id: int, by: int) -> int:
        order = self.find(order_id)
        if not order:
            raise Refused("unknown_order")
        order.quantity = max(0, order.quantity - by)
        if not order.quantity:
            self.cancel(order_id)
        return order.quantity

    def modify(self, order_id: int, price: int | None, quantity: int | None) -> list[Fill]:
        order = self.find(order_id)
        if not order:
            raise Refused("unknown_order")
        price = order.price if price is None else price
        quantity = order.quantity if quantity is None else quantity
        if price == order.price and quantity <= order.quantity:
            order.quantity = quantity
            return []
        if order.post_only and self.would_take(order.side, price):
            raise Refused("post_only_would_take")
        self.cancel(order_id)
        return self.add_limit(order_id, order.side, price, quantity, order.user, post_only=order.post_only)

    def rest(self, order: Order) -> None:
        queue = self.sides[order.side]
        queue.append(order)
        # Sorting is stable: at the same price, who came first stays first.
        queue.sort(key=lambda resting: -resting.price if order.side == "buy" else resting.price)

    def can_fill(self, taker: Order, limit: int | None) -> bool:
        """Take with a copy, and see whether trades alone used the taker up."""
        copy = ReferenceBook(self.stp)
        copy.sides = {side: [Order(**vars(order)) for order in orders] for side, orders in self.sides.items()}
        fills = copy.take(Order(**vars(taker)), limit)
        return sum(fill.quantity for fill in fills) == taker.quantity

    def take(self, taker: Order, limit: int | None) -> list[Fill]:
        fills = []
        makers = self.other(taker.side)
        while taker.quantity and makers and self.crosses(taker.side, limit, makers[0]):
            maker = makers[0]
            both = min(taker.quantity, maker.quantity)
            if self.stp == "none" or maker.user != taker.user:
                fills.append(Fill(maker.price, both, maker.id, maker.user, taker.id, taker.user))
                taker.quantity -= both
                maker.quantity -= both
            else:
                if self.stp in ("cancel_taker", "cancel_both"):
                    taker.quantity = 0
                if self.stp in ("cancel_maker", "cancel_both"):
                    maker.quantity = 0
                if self.stp == "decrement":
                    taker.quantity -= both
                    maker.quantity -= both
            if not maker.quantity:
                makers.pop(0)
        return fills
