"""Orders that rest already: cancelled, reduced and modified by their owner, one by one or all at once."""

from __future__ import annotations

from typing import NamedTuple

from cift_core import FastOrderBook, RestingOrder

from cift.core.entering import Refused, check_numbers
from cift.core.messages import Cancelled, CancelOrder, MassCancel, ModifyOrder, Reduced, ReduceOrder, Side


class Changed(NamedTuple):
    """What a modified order is to be; `price` is None for a pegged one without a limit."""

    side: Side
    price: float | None
    quantity: float


def cancel(seq: int, command: CancelOrder, book: FastOrderBook) -> Cancelled:
    """Take an order, resting or a stop, out of its book."""
    order = book.order(command.order_id)
    stopped = _own_stop(command, book) if order is None else None
    quantity = _owned(order, command).quantity if stopped is None else stopped
    book.cancel_order(command.order_id)
    return Cancelled(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id,
        order_id=command.order_id, last=True, quantity=quantity,
    )  # fmt: skip


def mass_cancel(seq: int, command: MassCancel, book: FastOrderBook) -> list[Cancelled]:
    """Take all that fit of a user's orders out of their book, and say so of each; others' may leave because of it."""
    gone = book.cancel_orders(user_id=command.user_id, side=command.side, low=command.min_price, high=command.max_price)
    return [
        Cancelled(
            symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id,
            order_id=order_id, quantity=quantity,
        )
        for order_id, quantity, reason in gone
        if reason == "user"
    ]  # fmt: skip


def reduce(seq: int, command: ReduceOrder, book: FastOrderBook) -> Reduced:
    """Take quantity off a resting order."""
    _owned(book.order(command.order_id), command)
    return Reduced(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id,
        order_id=command.order_id, last=True, remaining=book.reduce_order(command.order_id, command.by),
    )  # fmt: skip


def to_be(command: ModifyOrder, book: FastOrderBook) -> Changed:
    """Return what a resting order is to be; changes nothing yet."""
    order = book.order(command.order_id)
    if order is None and _own_stop(command, book) is not None:
        reason = f"order {command.order_id} is a stop that has not fired: cancel it and enter another"
        raise Refused("not_resting", reason)
    order = _owned(order, command)
    if command.price is None and command.quantity is None:
        raise Refused("nothing_to_change", "neither a price nor a quantity is given")
    check_numbers(command.quantity, command.price)
    price = order.limit_price if order.peg else order.price
    return Changed(
        order.side,
        price if command.price is None else command.price,
        order.quantity if command.quantity is None else command.quantity,
    )


def _own_stop(command: CancelOrder | ModifyOrder, book: FastOrderBook) -> float | None:
    """Return the quantity of a stop of theirs that has not fired."""
    for order_id, _, _, quantity, owner in book.stops():
        if order_id == command.order_id and owner == command.user_id:
            return quantity
    return None


def _owned(order: RestingOrder | None, command: CancelOrder | ReduceOrder | ModifyOrder) -> RestingOrder:
    if order is None:
        raise Refused("unknown_order", f"order {command.order_id} is not in the book")
    if order.user_id != command.user_id:
        raise Refused("not_owner", f"order {command.order_id} belongs to another account")
    return order
