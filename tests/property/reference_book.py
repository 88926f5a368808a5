"""A slow and obviously correct order book: see `reference_matching` for its lists, `reference_special` for the rest.

Prices are whole ticks, quantities whole lots. It refuses by `Refused`, whose text is the core's error code. `cancels`
are the last command's: `(order id, quantity, reason)`.
"""

from __future__ import annotations

from typing import Any

from tests.property.reference_auction import ReferenceAuction
from tests.property.reference_orders import AUCTIONS, END_OF_AUCTION, SHOWN, Fill, Order, Peg, Refused, Stop, Terms


class ReferenceBook(ReferenceAuction):
    def live(self, order_id: int) -> bool:
        return bool(self.find(order_id)) or any(stop.id == order_id for stop in self.stops)

    def check_resting(self, order_id: int) -> Order:
        order = self.find(order_id)
        if order:
            return order
        raise Refused("not_resting" if self.live(order_id) else "unknown_order")

    def check_new(self, order_id: int) -> None:
        if self.phase == "halted":
            raise Refused("halted")
        if self.live(order_id):
            raise Refused("duplicate_order_id")

    def check_terms(self, quantity: int, terms: Terms) -> None:
        immediate = terms.immediate
        if immediate and (terms.post_only != "no" or terms.display):
            raise Refused("never_rests")
        if terms.tif in AUCTIONS and AUCTIONS[terms.tif] != self.phase:
            raise Refused("no_auction")
        if "auction" in self.phase and (immediate or terms.post_only != "no" or terms.min_quantity):
            raise Refused("in_auction")
        if terms.min_quantity > quantity:
            raise Refused("min_quantity")
        if immediate and (terms.hidden or terms.whole):
            raise Refused("never_rests")
        if terms.display and (terms.hidden or terms.whole or terms.reduce_only):
            raise Refused("contradiction")
        if terms.whole and (
            terms.post_only != "no" or terms.min_quantity or terms.reduce_only or terms.tif in AUCTIONS
        ):
            raise Refused("contradiction")
        if terms.tif == "GTD" and terms.expires <= self.now:
            raise Refused("expired")

    def add_limit(self, order_id: int, side: str, price: int, quantity: int, user: int, *terms: Any) -> list[Fill]:
        """`terms` are the fields of `Terms`."""
        self.begin()
        self.check_new(order_id)
        self.check_terms(quantity, Terms(*terms))
        return self.enter(order_id, side, price, quantity, user, Terms(*terms)) + self.settle()

    def enter(self, order_id: int, side: str, price: int, quantity: int, user: int, terms: Terms) -> list[Fill]:
        trading = self.phase == "continuous"
        may_take = trading and terms.post_only == "no"
        if trading and not may_take and (best := self.takes_at(side, price, quantity)) is not None:
            price = best - 1 if side == "buy" else best + 1
            if terms.post_only == "reject" or price <= 0:
                raise Refused("post_only_would_take")
            least = 0
        else:
            least = quantity if terms.tif == "FOK" else terms.min_quantity
        if terms.reduce_only:
            quantity = self.cut(order_id, side, quantity, user)
            least = quantity if terms.tif == "FOK" else least
        if terms.whole:
            least = quantity
        taker = Order(order_id, side, price, quantity, user, terms.post_only != "no")
        fills: list[Fill] = []
        # In a book that does not trade, nothing has to trade at once either.
        if not trading or not least or (may_take and self.trades_at_least(taker, price, least)):
            fills = self.take(taker, price) if may_take else []
        elif not terms.whole:
            self.cancels.append((order_id, quantity, "unfilled"))
            return []
        if taker.quantity and terms.immediate:
            self.cancels.append((order_id, taker.quantity, "unfilled"))
        elif taker.quantity:
            if terms.display:
                taker.display = terms.display
                taker.reserve = max(0, taker.quantity - terms.display)
                taker.quantity -= taker.reserve
            taker.expires, taker.rank, taker.reduce_only = terms.end_of_life, terms.rank, terms.reduce_only
            self.rest(taker)
        return fills

    def add_market(self, order_id: int, side: str, quantity: int, user: int, reduce_only: bool = False) -> list[Fill]:
        if reduce_only:
            return self.add_reducing(order_id, side, quantity, user, "IOC", None)
        self.begin()
        self.check_new(order_id)
        return self.enter_market(order_id, side, quantity, user) + self.settle()

    def enter_market(self, order_id: int, side: str, quantity: int, user: int) -> list[Fill]:
        if self.phase != "continuous":
            raise Refused("in_auction")
        taker = Order(order_id, side, 0, quantity, user)
        fills = self.take(taker, None)
        if taker.quantity:
            self.cancels.append((order_id, taker.quantity, "unfilled"))
        return fills

    def add_reducing(
        self, order_id: int, side: str, quantity: int, user: int, tif: str, price: int | None
    ) -> list[Fill]:
        if "auction" in self.phase:
            raise Refused("in_auction")
        worst = 10**9 if side == "buy" else -(10**9)
        return self.add_limit(
            order_id, side, worst if price is None else price, quantity, user, *Terms(tif, reduce_only=True)
        )

    def add_notional(self, order_id: int, side: str, amount: int, user: int) -> list[Fill]:
        """`amount` in ticks times lots: at each price take as many whole lots as it still pays."""
        self.begin()
        self.check_new(order_id)
        if self.phase != "continuous":
            raise Refused("in_auction")
        fills = []
        stopped = False
        while self.gathered(self.opposite(side)) and not stopped:
            price = self.gathered(self.opposite(side))[0].asked
            wanted = amount // price
            if not wanted:
                break
            taker = Order(order_id, side, price, wanted, user)
            cancels = len(self.cancels)
            fills += self.take(taker, price, skip_whole=True)
            amount -= (wanted - taker.quantity) * price
            own = [why for i, _, why in self.cancels[cancels:] if i == order_id]
            stopped = bool(own) and self.stp in ("cancel_taker", "cancel_both")
        return fills + self.settle()

    def add_market_to_limit(
        self, order_id: int, side: str, quantity: int, user: int, reduce_only: bool = False
    ) -> list[Fill]:
        self.begin()
        if "auction" in self.phase:
            raise Refused("in_auction")
        best = self.best(self.opposite(side))
        if best is None:
            return self.add_market(order_id, side, quantity, user, reduce_only)
        if reduce_only:
            return self.add_reducing(order_id, side, quantity, user, "GTC", best)
        return self.add_limit(order_id, side, best, quantity, user)

    def add_stop(
        self,
        order_id: int,
        side: str,
        user: int,
        quantity: int,
        trigger: int,
        trail: int,
        price: int | None,
        *options: Any,
    ) -> list[Fill]:
        """Without a price it becomes a market order."""
        self.begin()
        self.check_new(order_id)
        terms = Terms(*options)
        if price is None and terms.reduce_only:
            price, terms = (10**9 if side == "buy" else -(10**9)), Terms("IOC", reduce_only=True)
            if "auction" in self.phase:
                raise Refused("in_auction")
        if price is not None:
            self.check_terms(quantity, terms)
            if terms.tif in AUCTIONS:
                raise Refused("no_auction")
        if trail:
            if self.last is None:
                raise Refused("no_trade_yet")
            trigger = self.last + trail if side == "buy" else self.last - trail
        self.stops.append(Stop(order_id, side, user, quantity, trigger, trail, price, terms))
        if self.last is not None:
            self.trade(self.last)
        return self.settle()

    def carry_out(self, stop: Any) -> list[Fill]:
        self.stops.remove(stop)
        self.triggered.append(stop.id)
        try:
            if stop.price is None:
                return self.enter_market(stop.id, stop.side, stop.quantity, stop.user)
            return self.enter(stop.id, stop.side, stop.price, stop.quantity, stop.user, stop.terms)
        except Refused:
            self.cancels.append((stop.id, stop.quantity, "refused"))
            return []

    def cancel(self, order_id: int) -> bool:
        self.begin()
        found = self.drop(order_id, "user")
        self.followed = self.settle()
        return found

    def drop(self, order_id: int, reason: str) -> bool:
        if order := self.find(order_id):
            self.leave(order, reason)
            return True
        for stop in [stop for stop in self.stops if stop.id == order_id]:
            self.stops.remove(stop)
            self.cancels.append((stop.id, stop.quantity, reason))
            return True
        return False

    def cancel_all(self, user: int | None, side: str | None, low: int | None, high: int | None) -> None:
        self.begin()
        shown, hidden = self.shown("buy") + self.shown("sell"), self.unseen("buy") + self.unseen("sell")
        everything = [(order.id, order.user, order.side, order.price) for order in shown + hidden]
        everything += [(stop.id, stop.user, stop.side, stop.trigger) for stop in self.stops]
        for order_id, owner, order_side, price in everything:
            if (
                (user is None or owner == user)
                and (side is None or order_side == side)
                and (low is None or (price is not None and price >= low))
                and (high is None or (price is not None and price <= high))
            ):
                self.drop(order_id, "user")
        self.followed = self.settle()

    def unseen(self, side: str) -> list[Order]:
        queue = [order for order in self.sides[side] if order.rank != SHOWN]
        asleep = [order for order in self.asleep if order.side == side]
        return sorted(queue, key=lambda order: order.rank) + asleep

    def reduce(self, order_id: int, by: int) -> int:
        self.begin()
        order = self.check_resting(order_id)
        if by >= order.open:
            left = 0
            self.leave(order, "user")
        else:
            left = order.open - by
            hidden = min(by, order.reserve)
            order.reserve -= hidden
            order.quantity -= by - hidden
            self.cancels.append((order_id, by, "user"))
        self.followed = self.settle()
        return left

    def modify(self, order_id: int, price: int | None, quantity: int | None) -> list[Fill]:
        self.begin()
        order = self.check_resting(order_id)
        old = order.peg.limit if order.peg else order.price
        price = old if price is None else price
        quantity = order.open if quantity is None else quantity
        if price == old and quantity <= order.open:
            if quantity < order.open:
                self.reduce(order_id, order.open - quantity)
                return self.followed
            return []
        if self.phase == "halted":
            raise Refused("halted")
        if order.peg:
            self.unrest(order)
            peg = Peg(order.peg.kind, order.peg.offset, price)
            fills = self.enter_pegged(order_id, order.side, quantity, order.user, peg, order.terms())
            return fills + self.settle()
        assert price is not None
        if order.post_only and self.takes_at(order.side, price, quantity) is not None:
            raise Refused("post_only_would_take")
        self.unrest(order)
        return self.enter(order_id, order.side, price, quantity, order.user, order.terms()) + self.settle()

    def advance(self, now: int) -> None:
        self.begin()
        self.now = max(self.now, now)
        self.expire(self.now)

    def end_of_day(self) -> None:
        self.begin()
        over = [(order.expires, order.id) for order in (*self.orders(), *self.stops) if order.expires >= END_OF_AUCTION]
        for _, order_id in sorted(over):
            self.drop(order_id, "expired")
        self.followed = self.settle()

    def expire(self, until: int) -> None:
        everything = [(order.expires, order.id) for order in (*self.orders(), *self.stops)]
        for expires, order_id in sorted(everything):
            if 0 < expires <= until:
                self.drop(order_id, "expired")
        self.followed = self.settle()
