"""Random commands, and both books side by side."""

from __future__ import annotations

import random
from typing import Any

from cift_core import FastOrderBook, OrderError

from tests.property.reference_book import Fill, ReferenceBook, Refused

TICK = 0.01
STP_MODES = ("none", "cancel_taker", "cancel_maker", "cancel_both", "decrement")
Command = tuple[Any, ...]


def random_command(chance: random.Random, *, ids: int = 60, low: int = 95, high: int = 105) -> Command:
    """A command near the market: small ranges make ids collide, books cross and levels empty."""
    order_id = chance.randrange(ids)
    side = chance.choice(("buy", "sell"))
    price = chance.randint(low, high)
    quantity = chance.randint(1, 20)
    user = chance.randrange(4)
    match chance.choices(("limit", "market", "cancel", "reduce", "modify"), (10, 1, 3, 1, 2))[0]:
        case "limit":
            tif = chance.choices(("GTC", "IOC", "FOK"), (8, 1, 1))[0]
            return "limit", order_id, side, price, quantity, user, tif, chance.random() < 0.15
        case "market":
            return "market", order_id, side, quantity, user
        case "cancel":
            return "cancel", order_id
        case "reduce":
            return "reduce", order_id, quantity
        case _:
            return "modify", order_id, chance.choice((None, price)), chance.choice((None, quantity))


def apply_reference(book: ReferenceBook, command: Command) -> Any:
    name, *rest = command
    try:
        match name:
            case "limit":
                return book.add_limit(*rest)
            case "market":
                return book.add_market(*rest)
            case "cancel":
                return book.cancel(*rest)
            case "reduce":
                return book.reduce(*rest)
            case _:
                return book.modify(*rest)
    except Refused as refusal:
        return str(refusal)


def apply_core(book: FastOrderBook, command: Command) -> Any:
    """Carry out a command and return its outcome in ticks and lots."""
    name, *rest = command
    try:
        match name:
            case "limit":
                order_id, side, price, quantity, user, tif, post_only = rest
                _, fills = book.add_limit_order(
                    order_id, side, price * TICK, quantity, user, tif=tif, post_only=post_only
                )
                return [in_ticks(fill) for fill in fills]
            case "market":
                return [in_ticks(fill) for fill in book.add_market_order(*rest)]
            case "cancel":
                return book.cancel_order(*rest)
            case "reduce":
                return round(book.reduce_order(*rest))
            case _:
                order_id, price, quantity = rest
                fills = book.modify_order(order_id, price=None if price is None else price * TICK, quantity=quantity)
                return [in_ticks(fill) for fill in fills]
    except OrderError as error:
        return error.code


def in_ticks(fill: Any) -> Fill:
    price, quantity, *ids = fill
    return Fill(round(price / TICK), round(quantity), *ids)


def core_queue(book: FastOrderBook, side: Any) -> list[tuple[int, int, int, int]]:
    return [(i, round(price / TICK), round(quantity), user) for i, price, quantity, user in book.orders(side)]


def reference_queue(book: ReferenceBook, side: str) -> list[tuple[int, int, int, int]]:
    return [(order.id, order.price, order.quantity, order.user) for order in book.sides[side]]
