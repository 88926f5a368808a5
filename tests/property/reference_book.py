"""A slow and obviously correct order book: one list per side, searched from the front for everything.

Prices are whole ticks, quantities whole lots. It refuses by `Refused`, whose text is the core's error code. `cancels`
are the last command's: `(order id, quantity, reason)`.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.property.reference_orders import (
    AUCTIONS,
    END_OF_AUCTION,
    END_OF_DAY,
    Fill,
    Order,
    Refused,
    Stop,
    end_of_life,
)


class ReferenceBook:
    def __init__(self, stp: str = "none") -> None:
        self.stp = stp
        self.phase = "continuous"
        self.last: int | None = None
        self.stops: list[Stop] = []
        self.fired: list[Stop] = []
        self.triggered: list[int] = []
        self.now = 0
        self.sides: dict[str, list[Order]] = {"buy": [], "sell": []}
        self.cancels: list[tuple[int, int, str]] = []

    def begin(self) -> None:
        self.cancels, self.triggered = [], []

    def orders(self) -> list[Order]:
        return self.sides["buy"] + self.sides["sell"]

    def find(self, order_id: int) -> Order | None:
        return next((order for order in self.orders() if order.id == order_id), None)

    def crosses(self, side: str, price: int | None, maker: Order) -> bool:
        if price is None:
            return True
        return maker.price <= price if side == "buy" else maker.price >= price

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

    def check_terms(self, quantity: int, tif: str, post_only: str, display: int, least: int, expires: int) -> None:
        immediate = tif in ("IOC", "FOK")
        if immediate and (post_only != "no" or display):
            raise Refused("never_rests")
        if tif in AUCTIONS and AUCTIONS[tif] != self.phase:
            raise Refused("no_auction")
        if "auction" in self.phase and (immediate or post_only != "no" or least):
            raise Refused("in_auction")
        if least > quantity:
            raise Refused("min_quantity")
        if tif == "GTD" and expires <= self.now:
            raise Refused("expired")

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
        self.begin()
        self.check_new(order_id)
        self.check_terms(quantity, tif, post_only, display, min_quantity, expires)
        fills = self.enter_limit(order_id, side, price, quantity, user, tif, post_only, display, min_quantity, expires)
        return fills + self.carry_out_fired()

    def enter_limit(
        self,
        order_id: int,
        side: str,
        price: int,
        quantity: int,
        user: int,
        tif: str,
        post_only: str,
        display: int,
        min_quantity: int,
        expires: int,
    ) -> list[Fill]:
        immediate = tif in ("IOC", "FOK")
        trading = self.phase == "continuous"
        if not trading:
            pass
        elif post_only != "no" and self.would_take(side, price):
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
        fills = self.take(taker, price) if trading else []
        if taker.quantity and immediate:
            self.cancels.append((order_id, taker.quantity, "unfilled"))
        elif taker.quantity:
            if display:
                taker.display = display
                taker.reserve = max(0, taker.quantity - display)
                taker.quantity -= taker.reserve
            taker.expires = end_of_life(tif, expires)
            self.rest(taker)
        return fills

    def add_market(self, order_id: int, side: str, quantity: int, user: int) -> list[Fill]:
        self.begin()
        self.check_new(order_id)
        return self.enter_market(order_id, side, quantity, user) + self.carry_out_fired()

    def enter_market(self, order_id: int, side: str, quantity: int, user: int) -> list[Fill]:
        if self.phase != "continuous":
            raise Refused("in_auction")
        taker = Order(order_id, side, 0, quantity, user)
        fills = self.take(taker, None)
        if taker.quantity:
            self.cancels.append((order_id, taker.quantity, "unfilled"))
        return fills

    def add_notional(self, order_id: int, side: str, amount: int, user: int) -> list[Fill]:
        """`amount` in ticks times lots: at each price take as many whole lots as it still pays."""
        self.begin()
        self.check_new(order_id)
        if self.phase != "continuous":
            raise Refused("in_auction")
        fills = []
        stopped = False
        while self.other(side) and not stopped:
            price = self.other(side)[0].price
            wanted = amount // price
            if not wanted:
                break
            taker = Order(order_id, side, price, wanted, user)
            cancels = len(self.cancels)
            fills += self.take(taker, price)
            amount -= (wanted - taker.quantity) * price
            own = [why for i, _, why in self.cancels[cancels:] if i == order_id]
            stopped = bool(own) and self.stp in ("cancel_taker", "cancel_both")
        return fills + self.carry_out_fired()

    def add_market_to_limit(self, order_id: int, side: str, quantity: int, user: int) -> list[Fill]:
        self.begin()
        if "auction" in self.phase:
            raise Refused("in_auction")
        if not self.other(side):
            return self.add_market(order_id, side, quantity, user)
        return self.add_limit(order_id, side, self.other(side)[0].price, quantity, user)

    def add_stop(
        self, order_id: int, side: str, user: int, quantity: int, trigger: int, trail: int, terms: tuple[Any, ...]
    ) -> list[Fill]:
        """`terms` are a limit order's price and options; without any it becomes a market order."""
        self.begin()
        self.check_new(order_id)
        stop = Stop(order_id, side, user, quantity, trigger, trail, (order_id, side, quantity, user))
        if terms:
            price, tif, *others, expires = terms
            self.check_terms(quantity, tif, *others, expires)
            if tif in AUCTIONS:
                raise Refused("no_auction")
            stop.order = (order_id, side, price, quantity, user, *terms[1:])
            stop.expires = end_of_life(tif, expires)
        if trail:
            if self.last is None:
                raise Refused("no_trade_yet")
            stop.trigger = self.last + trail if side == "buy" else self.last - trail
        self.stops.append(stop)
        if self.last is not None:
            self.trade(self.last)
        return self.carry_out_fired()

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

    def carry_out_fired(self) -> list[Fill]:
        fills = []
        while self.fired:
            stop = self.fired.pop(0)
            self.stops.remove(stop)
            self.triggered.append(stop.id)
            try:
                enter: Any = self.enter_limit if len(stop.order) > 4 else self.enter_market
                fills += enter(*stop.order)
            except Refused:
                self.cancels.append((stop.id, stop.quantity, "refused"))
        return fills

    def cancel(self, order_id: int) -> bool:
        self.begin()
        return self.drop(order_id, "user")

    def drop(self, order_id: int, reason: str) -> bool:
        if order := self.find(order_id):
            self.leave(order, reason)
            return True
        for stop in [stop for stop in self.stops if stop.id == order_id]:
            self.stops.remove(stop)
            self.cancels.append((stop.id, stop.quantity, reason))
            return True
        return False

    def set_phase(self, phase: str) -> None:
        self.begin()
        if phase == "continuous" and self.crossed():
            raise Refused("crossed")
        self.phase = phase

    def crossed(self) -> bool:
        buys, sells = self.sides["buy"], self.sides["sell"]
        return bool(buys and sells and buys[0].price >= sells[0].price)

    def indication(self, reference: int | None) -> tuple[int, int, int] | None:
        if not self.crossed():
            return None
        low, high = self.sides["sell"][0].price, self.sides["buy"][0].price
        reference = self.last if reference is None else reference
        reference = None if reference is None else min(max(reference, low), high)

        def outcome(price: int) -> tuple[int, int]:
            bought = sum(order.open for order in self.sides["buy"] if order.price >= price)
            sold = sum(order.open for order in self.sides["sell"] if order.price <= price)
            return min(bought, sold), bought - sold

        def merit(price: int) -> tuple[int, int, int, int]:
            volume, imbalance = outcome(price)
            distance = 0 if reference is None else abs(price - reference)
            return volume, -abs(imbalance), -distance, price

        best = max(range(low, high + 1), key=merit)
        return best, *outcome(best)

    def uncross(self, reference: int | None) -> tuple[tuple[int, int, int] | None, list[Fill]]:
        self.begin()
        result = self.indication(reference)
        fills = []
        if result:
            price, volume, _ = result
            while volume:
                buyer, seller = self.sides["buy"][0], self.sides["sell"][0]
                both = min(volume, buyer.quantity, seller.quantity)
                fills.append(Fill(price, both, seller.id, seller.user, buyer.id, buyer.user))
                volume -= both
                self.shrink(buyer, both)
                self.shrink(seller, both)
            self.trade(price)
        self.phase = "continuous"
        over = [order.id for order in self.orders() if order.expires == END_OF_AUCTION]
        for order_id in sorted(over):
            self.drop(order_id, "unfilled")
        return result, fills + self.carry_out_fired()

    def cancel_all(self, user: int | None, side: str | None, low: int | None, high: int | None) -> None:
        self.begin()
        everything = [(order.id, order.user, order.side, order.price) for order in self.orders()]
        everything += [(stop.id, stop.user, stop.side, stop.trigger) for stop in self.stops]
        for order_id, owner, order_side, price in everything:
            if (
                (user is None or owner == user)
                and (side is None or order_side == side)
                and (low is None or price >= low)
                and (high is None or price <= high)
            ):
                self.drop(order_id, "user")

    def reduce(self, order_id: int, by: int) -> int:
        self.begin()
        order = self.check_resting(order_id)
        if by >= order.open:
            self.leave(order, "user")
            return 0
        hidden = min(by, order.reserve)
        order.reserve -= hidden
        order.quantity -= by - hidden
        self.cancels.append((order_id, by, "user"))
        return order.open

    def modify(self, order_id: int, price: int | None, quantity: int | None) -> list[Fill]:
        self.begin()
        order = self.check_resting(order_id)
        price = order.price if price is None else price
        quantity = order.open if quantity is None else quantity
        if price == order.price and quantity <= order.open:
            if quantity < order.open:
                self.reduce(order_id, order.open - quantity)
            return []
        if self.phase == "halted":
            raise Refused("halted")
        if order.post_only and self.would_take(order.side, price):
            raise Refused("post_only_would_take")
        self.sides[order.side].remove(order)
        tif = {0: "GTC", END_OF_DAY: "DAY", END_OF_AUCTION: "ATO"}.get(order.expires, "GTD")
        post_only = "reject" if order.post_only else "no"
        fills = self.enter_limit(
            order_id, order.side, price, quantity, order.user, tif, post_only, order.display, 0, order.expires
        )
        return fills + self.carry_out_fired()

    def advance(self, now: int) -> None:
        self.begin()
        self.now = max(self.now, now)
        self.expire(self.now)

    def end_of_day(self) -> None:
        self.begin()
        self.expire(END_OF_DAY)

    def expire(self, until: int) -> None:
        everything = [(order.expires, order.id) for order in (*self.orders(), *self.stops)]
        for expires, order_id in sorted(everything):
            if 0 < expires <= until:
                self.drop(order_id, "expired")

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
                self.trade(maker.price)
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
