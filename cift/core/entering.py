"""An order of any type on its way from a command into a book."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from cift_core import FastOrderBook, Fill

from cift.core.messages import NewOrder, Side

_TYPES_WITH_OPTIONS = ("limit", "stop")
_UNPRICED = ("market", "market_to_limit", "notional")
_OF_SESSIONS = ("DAY", "ATO", "ATC")


class Refused(Exception):
    """A command that changes nothing; `code` is stable."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def is_special(order: NewOrder) -> bool:
    """Return whether the order is more than a plain limit or market order."""
    return order.order_type not in ("limit", "market") or any(
        (
            order.tif == "GTD" or order.tif in _OF_SESSIONS,
            order.display_quantity,
            order.min_quantity,
            order.reprice,
            order.hidden,
            order.all_or_none,
            order.reduce_only,
        )
    )


def check_special(order: NewOrder) -> None:
    """Refuse what would be ignored."""
    for field, why in misplaced(order):
        raise Refused("not_for_type", f"{field} {why}")


def misplaced(order: NewOrder) -> Iterator[tuple[str, str]]:
    """Yield each field that an order of its type would ignore, and what to say of it."""
    given: dict[str, Any] = {}
    if order.order_type not in _TYPES_WITH_OPTIONS:
        given |= {
            "display_quantity": order.display_quantity,
            "min_quantity": order.min_quantity,
            "reprice": order.reprice,
            "hidden": order.hidden,
            "all_or_none": order.all_or_none,
        }
    if order.order_type != "stop":
        given |= {"trigger_price": order.trigger_price, "trail": order.trail}
    if order.order_type != "pegged":
        given |= {"peg": order.peg, "offset": order.offset}
    if order.tif in _OF_SESSIONS and (order.order_type in _UNPRICED or _becomes_market(order)):
        given["tif"] = order.tif
    for field, value in given.items():
        if value:
            yield field, f"{value!r} is not possible for a {order.order_type} order"


def _becomes_market(order: NewOrder) -> bool:
    """Return whether the order is a stop that has no end of life: the book keeps one of its limit order alone."""
    return order.order_type == "stop" and order.price is None


def check_numbers(quantity: float | None, price: float | None) -> None:
    """Refuse what risk can't judge."""
    for field, value in (("quantity", quantity), ("price", price)):
        if value is None:
            continue
        if not math.isfinite(value):
            raise Refused("not_finite", f"{field} {value} is no finite number")
        if value <= 0:
            raise Refused("not_positive", f"{field} {value} is not above zero")


def market_price(side: Side, book: FastOrderBook) -> float | None:
    """Return the best price that shows for an order of this side; None if it would meet nobody."""
    return book.best_ask() if side == "buy" else book.best_bid()


def price_to_judge(order: NewOrder, book: FastOrderBook) -> float | None:
    """Return the price that risk judges an order by; None if it would meet nobody now and waits for nothing."""
    market = market_price(order.side, book)
    match order.order_type:
        case "limit":
            return order.price
        case "stop":
            return order.price or order.trigger_price or book.last_price()
        case "pegged":
            return order.price or market
        case _:
            return market


def enter(book: FastOrderBook, order_id: int, order: NewOrder, bound: float | None = None) -> list[Fill]:
    """Give an order to its book; returns what traded. Raises OrderError when the book refuses.

    A market order, or one for an amount of money, trades at no price worse than `bound`.
    """
    side, quantity, user = order.side, order.quantity, order.user_id
    options: dict[str, Any] = {
        "tif": order.tif,
        "post_only": order.post_only,
        "reprice": order.reprice,
        "display_quantity": order.display_quantity,
        "min_quantity": order.min_quantity,
        "expires": order.expires,
        "hidden": order.hidden,
        "all_or_none": order.all_or_none,
        "reduce_only": order.reduce_only,
    }
    match order.order_type:
        case "market" if bound is not None:
            _, fills = book.add_limit_order(
                order_id, side, bound, quantity, user, tif="IOC", reduce_only=order.reduce_only
            )
            return fills
        case "market":
            return book.add_market_order(order_id, side, quantity, user, reduce_only=order.reduce_only)
        case "market_to_limit":
            return book.add_market_to_limit_order(order_id, side, quantity, user, reduce_only=order.reduce_only)[1]
        case "notional":
            return book.add_market_notional_order(order_id, side, quantity, user, limit_price=bound)
        case "pegged":
            if order.peg is None:
                raise Refused("peg_missing", "a pegged order needs a peg: primary, mid or market")
            _, fills = book.add_pegged_order(
                order_id,
                side,
                quantity,
                user,
                peg=order.peg,
                offset=order.offset,
                limit_price=order.price,
                tif=order.tif,
                expires=order.expires,
                reduce_only=order.reduce_only,
            )
            return fills
        case "stop":
            trigger, trail = order.trigger_price, order.trail
            _, fills = book.add_stop_order(
                order_id, side, quantity, user, trigger_price=trigger, trail=trail, limit_price=order.price, **options
            )
            return fills
        case _:
            if order.price is None:
                raise Refused("price_missing", "a limit order needs a price")
            return book.add_limit_order(order_id, side, order.price, quantity, user, **options)[1]
