"""What follows from every command in the slow book: stops fire, pegs move, other orders shrink or find their match."""

from __future__ import annotations

from tests.property.reference_matching import ReferenceMatching
from tests.property.reference_orders import DARK, WHOLE, Fill, Order, Peg, Refused, Terms


class ReferenceSpecial(ReferenceMatching):
    def enter(self, order_id: int, side: str, price: int, quantity: int, user: int, terms: Terms) -> list[Fill]:
        raise NotImplementedError

    def enter_market(self, order_id: int, side: str, quantity: int, user: int) -> list[Fill]:
        raise NotImplementedError

    def settle(self) -> list[Fill]:
        """Do one thing after the other, the first that is due, until none is."""
        fills: list[Fill] = []
        while True:
            if self.fired:
                fills += self.carry_out(self.fired.pop(0))
            elif self.trim():
                pass
            elif (more := self.move_pegs()) is not None or (more := self.trade_whole()) is not None:
                fills += more
            else:
                return fills

    def carry_out(self, stop: object) -> list[Fill]:
        raise NotImplementedError

    def cut(self, order_id: int, side: str, quantity: int, user: int) -> int:
        """What is left of a reduce-only order that comes in."""
        most = min(quantity, self.reducible(user, side))
        if not most:
            raise Refused("nothing_to_reduce")
        if most < quantity:
            self.cancels.append((order_id, quantity - most, "reduce_only"))
        return most

    def trim(self) -> bool:
        """Shrink reduce-only orders, the newest first, to what there is to reduce."""
        trimmed = False
        reducing = [order for order in self.orders() if order.reduce_only]
        for order in sorted(reducing, key=lambda order: -order.number):
            same = [each for each in reducing if (each.user, each.side) == (order.user, order.side)]
            excess = min(order.quantity, sum(each.quantity for each in same) - self.reducible(order.user, order.side))
            if excess <= 0:
                continue
            trimmed = True
            self.cancels.append((order.id, excess, "reduce_only"))
            order.quantity -= excess
            if not order.quantity:
                self.unrest(order)
        return trimmed

    def pegged_price(self, side: str, peg: Peg) -> int | None:
        if self.phase != "continuous":
            return None
        bid, ask = self.best("buy"), self.best("sell")
        followed: int | None
        if peg.kind == "mid":
            if bid is None or ask is None:
                return None
            followed = (bid + ask) // 2 if side == "buy" else -(-(bid + ask) // 2)
        else:
            followed = bid if (peg.kind == "primary") == (side == "buy") else ask
        if followed is None:
            return None
        price = followed + peg.offset
        if peg.limit is not None:
            price = min(price, peg.limit) if side == "buy" else max(price, peg.limit)
        return price if price > 0 else None

    def add_pegged(
        self,
        order_id: int,
        side: str,
        quantity: int,
        user: int,
        peg: Peg,
        tif: str = "GTC",
        expires: int = 0,
        reduce_only: bool = False,
    ) -> list[Fill]:
        self.begin()
        self.check_new(order_id)
        terms = Terms(tif, expires=expires, reduce_only=reduce_only)
        if terms.immediate:
            raise Refused("never_rests")
        if tif in ("ATO", "ATC"):
            raise Refused("contradiction")
        if tif == "GTD" and expires <= self.now:
            raise Refused("expired")
        return self.enter_pegged(order_id, side, quantity, user, peg, terms) + self.settle()

    def check_new(self, order_id: int) -> None:
        raise NotImplementedError

    def enter_pegged(self, order_id: int, side: str, quantity: int, user: int, peg: Peg, terms: Terms) -> list[Fill]:
        if terms.reduce_only:
            quantity = self.cut(order_id, side, quantity, user)
        price = self.pegged_price(side, peg)
        order = Order(order_id, side, price, quantity, user, rank=DARK, reduce_only=terms.reduce_only, peg=peg)
        order.expires = terms.end_of_life
        fills = [] if price is None else self.take(order, price)
        if order.quantity:
            self.rest(order)
        return fills

    def move_pegs(self) -> list[Fill] | None:
        """Give every peg its present price, in the order of their entry; None if all of them have it."""
        moved, fills = False, []
        for order in sorted((order for order in self.orders() if order.peg), key=lambda order: order.number):
            if order not in self.orders():  # it was taken meanwhile
                continue
            assert order.peg
            price = self.pegged_price(order.side, order.peg)
            if price == order.price:
                continue
            moved = True
            self.unrest(order)
            order.price = price
            if price is not None:
                most = min(order.quantity, self.reducible(order.user, order.side) if order.reduce_only else 2**64)
                taker = Order(order.id, order.side, price, most, order.user)
                fills += self.take(taker, price)
                order.quantity -= most - taker.quantity
            if order.quantity:
                self.rest(order)
        return fills if moved else None

    def trade_whole(self) -> list[Fill] | None:
        """Let the first all-or-none order that can trade whole do so; None if there is none."""
        if self.phase != "continuous":
            return None
        for order in self.sides["buy"] + self.sides["sell"]:
            if order.rank == WHOLE and self.trades_at_least(order, order.asked, order.quantity):
                self.unrest(order)
                return self.take(order, order.price)
        return None

    def set_position(self, user: int, position: int | None) -> list[Fill]:
        self.begin()
        if position is None:
            self.positions.pop(user, None)
        else:
            self.positions[user] = position
        return self.settle()
