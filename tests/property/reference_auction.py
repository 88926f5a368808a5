"""Phases and auctions of the slow book: every price between the best ones is tried."""

from __future__ import annotations

from tests.property.reference_orders import END_OF_AUCTION, Fill, Refused
from tests.property.reference_special import ReferenceSpecial


class ReferenceAuction(ReferenceSpecial):
    def drop(self, order_id: int, reason: str) -> bool:
        raise NotImplementedError

    def set_phase(self, phase: str) -> None:
        self.begin()
        if phase == "continuous" and self.crossed():
            raise Refused("crossed")
        self.phase = phase
        self.followed = self.settle()

    def crossed(self) -> bool:
        buys, sells = self.gathered("buy"), self.gathered("sell")
        return bool(buys and sells and buys[0].asked >= sells[0].asked)

    def indication(self, reference: int | None) -> tuple[int, int, int] | None:
        if not self.crossed():
            return None
        buys, sells = self.gathered("buy"), self.gathered("sell")
        low, high = sells[0].asked, buys[0].asked
        reference = self.last if reference is None else reference
        reference = None if reference is None else min(max(reference, low), high)

        def outcome(price: int) -> tuple[int, int]:
            bought = sum(order.open for order in buys if order.asked >= price)
            sold = sum(order.open for order in sells if order.asked <= price)
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
                buyer, seller = self.gathered("buy")[0], self.gathered("sell")[0]
                both = min(volume, buyer.quantity, seller.quantity)
                fills.append(self.fill(price, both, seller, buyer))
                volume -= both
                self.shrink(buyer, both)
                self.shrink(seller, both)
            self.trade(price)
        self.phase = "continuous"
        over = [order.id for order in self.orders() if order.expires == END_OF_AUCTION]
        for order_id in sorted(over):
            self.drop(order_id, "unfilled")
        return result, fills + self.settle()
