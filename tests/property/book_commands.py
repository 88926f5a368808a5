"""Random commands, and both books side by side."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from cift_core import FastOrderBook, OrderError

from tests.property.reference_book import ReferenceBook
from tests.property.reference_orders import Fill, Peg, Refused, Terms

TICK = 0.01
STP_MODES = ("none", "cancel_taker", "cancel_maker", "cancel_both", "decrement")
Command = tuple[Any, ...]


def random_command(
    chance: random.Random, *, ids: int = 60, low: int = 95, high: int = 105, special: bool = True
) -> Command:
    """A command near the market: small ranges make ids collide, books cross and levels empty.

    Without `special` there are plain orders alone.
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
            market = (None, *Terms(reduce_only=chance.random() < 0.3))
            terms = chance.choice((market, (chance.randint(low, high), *_terms(chance))))
            return "stop", order_id, side, user, quantity, trigger, trail, *terms
        case "pegged":
            return "pegged", order_id, side, quantity, user, *_peg(chance, low, high)
        case "market":
            return "market", order_id, side, quantity, user, special and chance.random() < 0.2
        case "notional":
            return "notional", order_id, side, quantity * price + chance.randint(0, 30), user
        case "to limit":
            return "to limit", order_id, side, quantity, user, special and chance.random() < 0.2
        case "cancel":
            return "cancel", order_id
        case "reduce":
            return "reduce", order_id, quantity
        case "modify":
            return "modify", order_id, chance.choice((None, price)), chance.choice((None, quantity))
        case _:
            return _rare_command(chance, user, side, price)


_NAMES = ("limit", "special", "stop", "pegged", "market", "to limit", "notional", "cancel", "reduce", "modify", "rare")
_WEIGHTS = (10, 6, 2, 2, 1, 1, 1, 3, 1, 2, 2)
_PLAIN_WEIGHTS = (10, 0, 0, 0, 1, 1, 0, 3, 1, 2, 0)
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
    tif = chance.choice(("GTC", "GTC", "GTC", "DAY", "GTD", "IOC", "FOK", "ATO", "ATC"))
    post_only = chance.choice(("no", "no", "no", "reject", "reprice"))
    display, least = chance.choice((0, 0, 1, 3, 8)), chance.choice((0, 0, 0, 2, 12))
    kind = chance.choice(("plain", "plain", "hidden", "whole", "reduce only", "anything"))
    if kind == "anything":  # most of it contradicts itself
        hidden, whole, reduce_only = (chance.random() < 0.4 for _ in range(3))
        return tuple(Terms(tif, post_only, display, least, chance.randrange(200), hidden, whole, reduce_only))
    hidden, whole, reduce_only = (kind == each for each in ("hidden", "whole", "reduce only"))
    if kind != "plain":
        display = 0
        tif = "FOK" if reduce_only and tif == "ATO" else tif
    if whole:
        tif, post_only, least = chance.choice(("GTC", "DAY", "GTD")), "no", 0
    return tuple(Terms(tif, post_only, display, least, chance.randrange(200), hidden, whole, reduce_only))


def _peg(chance: random.Random, low: int, high: int) -> Command:
    kind, offset = chance.choice(("primary", "mid", "market")), chance.choice((0, 0, 1, -1, 3, -3, -200))
    limit = chance.choice((None, None, chance.randint(low, high)))
    tif = chance.choice(("GTC", "GTC", "GTC", "GTC", "DAY", "GTD", "IOC", "ATC"))
    return Peg(kind, offset, limit), tif, chance.randrange(200), chance.random() < 0.2


def _rare_command(chance: random.Random, user: int, side: str, price: int) -> Command:
    draw = chance.random()
    if chance.random() < 0.4:
        return "position", user, chance.choice((None, *range(-30, 31, 5)))
    if draw < 0.3:
        return "uncross", chance.choice((None, price))
    if draw < 0.6:
        return "phase", chance.choice(_PHASES)
    if draw < 0.8:
        return "advance", chance.randrange(150)
    if draw < 0.85:
        return ("end of day",)
    spread = chance.randrange(3)
    conditions = ((user, None), (side, None), (max(1, price - spread), None), (price + spread, None))
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
        "pegged": book.add_pegged,
        "phase": book.set_phase,
        "uncross": book.uncross,
        "advance": book.advance,
        "end of day": book.end_of_day,
    }
    if name == "position":
        return book.set_position(*rest)
    try:
        outcome = calls[name](*rest)
        # What the command itself has no room for in its answer: the trades that followed from it.
        return (outcome, book.followed) if name in FOLLOWED else outcome
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
            order_id, side, price, quantity, user, *terms = rest
            options = _options(Terms(*terms))
            return in_lots(book.add_limit_order(order_id, side, price * TICK, quantity, user, **options)[1])
        case "market":
            *order, reduce_only = rest
            return in_lots(book.add_market_order(*order, reduce_only=reduce_only))
        case "to limit":
            *order, reduce_only = rest
            return in_lots(book.add_market_to_limit_order(*order, reduce_only=reduce_only)[1])
        case "notional":
            order_id, side, amount, user = rest
            return in_lots(book.add_market_notional_order(order_id, side, amount * TICK, user))
        case "pegged":
            order_id, side, quantity, user, (kind, offset, limit), tif, expires, reduce_only = rest
            options = {"offset": offset * TICK, "limit_price": in_money(limit)}
            options |= {"tif": tif, "expires": expires, "reduce_only": reduce_only}
            return in_lots(book.add_pegged_order(order_id, side, quantity, user, peg=kind, **options)[1])
        case "cancel":
            return book.cancel_order(*rest), in_lots(book.fills())
        case "cancel all":
            user, side, low, high = rest
            book.cancel_orders(user_id=user, side=side, low=in_money(low), high=in_money(high))
        case "reduce":
            return round(book.reduce_order(*rest)), in_lots(book.fills())
        case "modify":
            order_id, price, quantity = rest
            return in_lots(book.modify_order(order_id, price=in_money(price), quantity=quantity))
        case "stop":
            return in_lots(_add_stop(book, *rest))
        case "phase":
            book.set_phase(*rest)
        case "uncross":
            result, fills = book.uncross(in_money(rest[0]))
            return indicated(result), in_lots(fills)
        case "advance":
            book.advance_time(*rest)
        case "end of day":
            book.end_of_day()
        case "position":
            book.set_position(*rest)
            return in_lots(book.fills())
    return None, in_lots(book.fills())


FOLLOWED = ("cancel", "cancel all", "reduce", "phase", "advance", "end of day")


def _options(terms: Terms) -> dict[str, Any]:
    # All or none has two spellings. Where no other time in force is asked for, what else is drawn tells which.
    spelled = terms.whole and terms.tif == "GTC" and terms.expires % 2 == 0
    return {
        "tif": "AON" if spelled else terms.tif,
        "post_only": terms.post_only == "reject",
        "reprice": terms.post_only == "reprice",
        "display_quantity": terms.display or None,
        "min_quantity": terms.min_quantity or None,
        "expires": terms.expires,
        "hidden": terms.hidden,
        "all_or_none": terms.whole and not spelled,
        "reduce_only": terms.reduce_only,
    }


def _add_stop(
    book: FastOrderBook, order_id: int, side: Any, user: int, quantity: int, trigger: int, trail: int, *others: Any
) -> list[Any]:
    price, *terms = others
    options: dict[str, Any] = {"trail": trail * TICK} if trail else {"trigger_price": trigger * TICK}
    options |= {"limit_price": in_money(price), **_options(Terms(*terms))}
    _, fills = book.add_stop_order(order_id, side, quantity, user, **options)
    return fills


def in_money(price: int | None) -> float | None:
    return None if price is None else price * TICK


def indicated(result: tuple[float, float, float] | None) -> tuple[int, int, int] | None:
    """Price in ticks, volume and imbalance in lots."""
    if result is None:
        return None
    price, volume, imbalance = result
    return round(price / TICK), round(volume), round(imbalance)


def in_ticks(fill: Any) -> Fill:
    price, quantity, *ids = fill
    return Fill(round(price / TICK), round(quantity), *ids)


def in_lots(fills: list[Any]) -> list[Fill]:
    return [in_ticks(fill) for fill in fills]


def core_queue(book: FastOrderBook, side: Any) -> list[tuple[int, int, int, int]]:
    return [(i, round(price / TICK), round(quantity), user) for i, price, quantity, user in book.orders(side)]


def core_unseen(book: FastOrderBook, side: Any) -> list[tuple[int, int | None, int, int]]:
    rows = book.unseen_orders(side)
    return [(i, None if price is None else round(price / TICK), round(lots), user) for i, price, lots, user, _ in rows]


def reference_queue(book: ReferenceBook, side: str) -> list[tuple[int, int, int, int]]:
    return [(order.id, order.asked, order.quantity, order.user) for order in book.shown(side)]


def reference_unseen(book: ReferenceBook, side: str) -> list[tuple[int, int | None, int, int]]:
    return [(order.id, order.price, order.quantity, order.user) for order in book.unseen(side)]
