"""What a book did by itself in a command, told as events: whoever's orders traded or left because of it."""

from __future__ import annotations

from collections.abc import Callable

from cift_core import Fill as CoreFill

from cift.core.known_orders import KnownOrders
from cift.core.market import Market
from cift.core.messages import AnyEvent, SessionCommand, UserCommand
from cift.core.telling import filled, left

Move = Callable[[int, str, int], None]
"""Adds lots to what a user holds of a symbol."""


def followed(
    seq: int,
    command: UserCommand | SessionCommand,
    market: Market,
    fills: list[CoreFill],
    known: KnownOrders,
    move: Move,
) -> list[AnyEvent]:
    """Return what the last command of the book caused; what a user asked for is told apart.

    Everything is of the command's symbol, and not numbered yet.
    """
    book, symbol = market.book, command.symbol
    events: list[AnyEvent] = []
    gone: set[int] = set()
    for fill in fills:
        taker, maker, side = fill.taker_user_id, fill.maker_user_id, fill.taker_side
        events.append(filled(seq, command, fill))
        lots = market.lots(fill.quantity) if side == "buy" else -market.lots(fill.quantity)
        move(taker, symbol, lots)
        move(maker, symbol, -lots)
        gone |= {fill.taker_order_id, fill.maker_order_id}
    for order_id, quantity, reason in book.cancelled():
        gone.add(order_id)
        if reason != "user":
            owner = known.owner(order_id, command.user_id)
            events.append(left(seq, command, order_id, owner, quantity, reason))
    for order_id in gone:
        if book.order(order_id) is None:
            known.forget(order_id)
    return events
