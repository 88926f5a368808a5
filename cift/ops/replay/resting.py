"""What rests at the target, as far as this replay put it there."""

from __future__ import annotations

from dataclasses import dataclass

from cift.core.messages import Side

Place = tuple[Side, float]


@dataclass(slots=True)
class Order:
    """One of our resting orders."""

    place: Place
    quantity: float


class Resting:
    """Our resting orders by id and by price; ids are the target's."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._places: dict[Place, dict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._orders

    def add(self, order_id: int, side: Side, price: float, quantity: float) -> None:
        """Remember an order that came to rest."""
        place = (side, price)
        self._orders[order_id] = Order(place, quantity)
        self._places.setdefault(place, {})[order_id] = None

    def take(self, order_id: int, quantity: float) -> None:
        """Take quantity off an order; at zero it is forgotten. Orders of others are none of ours."""
        order = self._orders.get(order_id)
        if order is None:
            return
        order.quantity -= quantity
        if order.quantity <= 0:
            self.forget(order_id)

    def forget(self, order_id: int) -> None:
        """Forget an order that has left the book."""
        order = self._orders.pop(order_id)
        queue = self._places[order.place]
        del queue[order_id]
        if not queue:
            del self._places[order.place]

    def quantity(self, order_id: int) -> float:
        """Return what is left of an order."""
        return self._orders[order_id].quantity

    def at(self, side: Side, price: float) -> list[int]:
        """Return the ids at a price, oldest first."""
        return list(self._places.get((side, price), ()))

    def prices(self, side: Side) -> list[float]:
        """Return the prices of a side, in no order."""
        return [price for place_side, price in self._places if place_side == side]

    def total(self, side: Side, price: float) -> float:
        """Return what rests at a price."""
        return sum(self._orders[order_id].quantity for order_id in self._places.get((side, price), ()))

    def ids(self) -> list[int]:
        """Return the ids of everything that rests."""
        return list(self._orders)
