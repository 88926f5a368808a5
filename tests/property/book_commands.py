"""Random commands, and both books side by side."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from cift_core import FastOrderBook, OrderError

from tests.property.reference_book import ReferenceBook
from tests.property.reference_orders import Fill, Refused

TICK = 0.01
STP_MODES = ("none", "cancel_taker", "cancel_maker", "cancel_both", "decrement")
Command = tuple[Any, ...]


def random_command(
    chance: random.Random, *, ids: int = 60, low: int = 95, high: int = 105, special: bool = True
) -> Command:
    """A command near the market: small ranges make ids collide, books cross and levels empty.

    Without `special` there are no icebergs, no dates and no conditions.
    """
    order_id = chance.randrange(ids)
    side = chance.choice(("buy", "sell"))
    price = chance.randint(low, high)
    quantity = chance.randint(1, 20)
    user = chance.randrange(4)
    match chance.choices(_NAMES, _WEIGHTS if special else _PLAIN_WEIGHTS)[0]:
        case "limit":
            return "limit", order_id, side, price, quantity, user, chance.choices(("GTC", "IOC", "FOK"), (8, 1, 1))[0]
        case "special":
            return "limit", order_id, side, price, quantity, user, *_terms(chance)
        case "stop":
            trigger, trail = chance.choice(((price, 0), (price, 0), (0, chance.randint(1, 5))))
            terms = chance.choice(((), (chance.randint(low, high), *_terms(chance))))
            return "stop", order_id, side, user, quantity, trigger, trail, terms
        case "market":
            return "market", order_id, side, quantity, user
        case "notional":
            return "notional", order_id, side, quantity * price + chance.randint(0, 30), user
        case "to limit":
            return "to limit", order_id, side, quantity, user
        case "cancel":
            return "cancel", order_id
        case "reduce":
            return "reduce", order_id, quantity
        case "modify":
            return "modify", order_id, chance.choice((None, price)), chance.choice((None, quantity))
        case _:
            return _rare_command(chance, user, side, price)


_NAMES = ("limit", "special", "stop", "market", "to limit", "notional", "cancel", "reduce", "modify", "rare")
_WEIGHTS = (10, 5, 2, 1, 1, 1, 3, 1, 2, 1.5)
_PLAIN_WEIGHTS = (10, 0, 0, 1, 1, 0, 3, 1, 2, 0)
_PHASES = (
    "continuous",
    "continuous",
    "continuous",
    "halted",
    "opening_auction",
    "closing_auction",
    "volatility_auction",
)


def _terms(chance: random.Random) -> Command:
    tif = chance.choice(("GTC", "GTC", "GTC", "DAY", "GTD", "IOC", "ATO", "ATC"))
    post_only = chance.choice(("no", "no", "no", "reject", "reprice"))
    display, least = chance.choice((0, 0, 1, 3, 8)), chance.choice((0, 0, 0, 2, 12))
    return tif, post_only, display, least, chance.randrange(200)


def _rare_command(chance: random.Random, user: int, side: str, price: int) -> Command:
    draw = chance.random()
    if draw < 0.3:
        return "uncross", chance.choice((None, price))
    if draw < 0.6:
        return "phase", chance.choice(_PHASES)
    if draw < 0.8:
        return "advance", chance.randrange(150)
    if draw < 0.85:
        return ("end of day",)
    spread = chance.randrange(3)
    conditions = ((user, None), (side, None), (price - spread, None), (price + spread, None))
    return "cancel all", *(chance.choice(condition) for condition in conditions)


def apply_reference(book: ReferenceBook, command: Command) -> Any:
    name, *rest = command
    calls: dict[str, Callable[..., Any]] = {
        "limit": book.add_limit,
        "market": book.add_market,
        "to limit": book.add_market_to_limit,
        "notional": book.add_notional,
        "cancel": book.cancel,
        "cancel all": book.cancel_all,
        "reduce": book.reduce,
        "modify": book.modify,
        "stop": book.add_stop,
        "phase": book.set_phase,
        "uncross": book.uncross,
        "advance": book.advance,
        "end of day": book.end_of_day,
    }
    try:
        return calls[name](*rest)
    except Refused as refusal:
        return str(refusal)


def apply_core(book: FastOrderBook, command: Command) -> Any:
    """Carry out a command and return its outcome in ticks and lots."""
    try:
        return _apply_core(book, *command)
    except OrderError as error:
        return error.code


def _apply_core(book: FastOrderBook, name: str, *rest: Any) -> Any:
    match name:
        case "limit":
            return [in_ticks(fill) for fill in _add_limit(book, *rest)]
        case "market":
            return [in_ticks(fill) for fill in book.add_market_order(*rest)]
        case "to limit":
            return [in_ticks(fill) for fill in book.add_market_to_limit_order(*rest)[1]]
        case "notional":
            order_id, side, amount, user = rest
            return [in_ticks(fill) for fill in book.add_market_notional_order(order_id, side, amount * TICK, user)]
        case "cancel":
            return book.cancel_order(*rest)
        case "cancel all":
            user, side, low, high = rest
            book.cancel_orders(user_id=user, side=side, low=in_money(low), high=in_money(high))
        case "reduce":
            return round(book.reduce_order(*rest))
        case "modify":
            order_id, price, quantity = rest
            return [in_ticks(fill) for fill in book.modify_order(order_id, price=in_money(price), quantity=quantity)]
        case "stop":
            return [in_ticks(fill) for fill in _add_stop(book, *rest)]
        case "phase":
            book.set_phase(*rest)
        case "uncross":
            result, fills = book.uncross(in_money(rest[0]))
            if result is not None:
                price, volume, imbalance = result
                result = (round(price / TICK), round(volume), round(imbalance))
            return result, [in_ticks(fill) for fill in fills]
        case "advance":
            book.advance_time(*rest)
        case "end of day":
            book.end_of_day()
    return None


def _add_limit(
    book: FastOrderBook,
    order_id: int,
    side: Any,
    price: int,
    quantity: int,
    user: int,
    tif: Any,
    post_only: str = "no",
    display: int = 0,
    least: int = 0,
    expires: int = 0,
) -> list[Any]:
    _, fills = book.add_limit_order(
        order_id,
        side,
        price * TICK,
        quantity,
        user,
        tif=tif,
        post_only=post_only == "reject",
        reprice=post_only == "reprice",
        display_quantity=display or None,
        min_quantity=least or None,
        expires=expires,
    )
    return fills


def _add_stop(
    book: FastOrderBook,
    order_id: int,
    side: Any,
    user: int,
    quantity: int,
    trigger: int,
    trail: int,
    terms: tuple[Any, ...],
) -> list[Any]:
    options: dict[str, Any] = {"trail": trail * TICK} if trail else {"trigger_price": trigger * TICK}
    if terms:
        price, tif, post_only, display, least, expires = terms
        options |= {
            "limit_price": price * TICK,
            "tif": tif,
            "post_only": post_only == "reject",
            "reprice": post_only == "reprice",
            "display_quantity": display or None,
            "min_quantity": least or None,
            "expires": expires,
        }
    _, fills = book.add_stop_order(order_id, side, quantity, user, **options)
    return fills


def in_money(price: int | None) -> float | None:
    return None if price is None else price * TICK


def in_ticks(fill: Any) -> Fill:
    price, quantity, *ids = fill
    return Fill(round(price / TICK), round(quantity), *ids)


def core_queue(book: FastOrderBook, side: Any) -> list[tuple[int, int, int, int]]:
    return [(i, round(price / TICK), round(quantity), user) for i, price, quantity, user in book.orders(side)]


def reference_queue(book: ReferenceBook, side: str) -> list[tuple[int, int, int, int]]:
    return [(order.id, order.price, order.quantity, order.user) for order in book.sides[side]]
