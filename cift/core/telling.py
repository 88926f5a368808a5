"""How the matcher says what happened: events from a command and what its book did."""

from __future__ import annotations

import msgspec
from cift_core import Fill as CoreFill

from cift.core.messages import (
    Accepted,
    AnyEvent,
    Cancelled,
    CancelOrder,
    Fill,
    MassCancel,
    MassCancelled,
    Modified,
    ModifyOrder,
    NewOrder,
    ReduceOrder,
    Rejected,
    RiskCommand,
    SessionCommand,
    UserCommand,
)


def accepted(seq: int, command: NewOrder, resting: float, *, last: bool) -> Accepted:
    """Return the first event of an order that passed; `resting` stays in the book."""
    return Accepted(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=seq, last=last,
        side=command.side, quantity=command.quantity, price=command.price, resting=resting,
        client_order_id=command.client_order_id,
    )  # fmt: skip


def filled(seq: int, command: UserCommand | SessionCommand, fill: CoreFill) -> Fill:
    """Return the event of a match, whoever's orders met."""
    return Fill(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=fill.taker_user_id,
        order_id=fill.taker_order_id, side=fill.taker_side, price=fill.price, quantity=fill.quantity,
        maker_order_id=fill.maker_order_id, maker_user_id=fill.maker_user_id,
    )  # fmt: skip


def traded(
    seq: int, command: NewOrder, fills: list[CoreFill], resting: float, unfilled: float, reason: str
) -> list[AnyEvent]:
    """Return all events of a plain order in a book of plain orders, numbered: `unfilled` leaves because of `reason`."""
    symbol, ts, user_id, side = command.symbol, command.ts, command.user_id, command.side
    final = len(fills) + (unfilled > 0)  # the position of the last event
    events: list[AnyEvent] = [accepted(seq, command, resting, last=final == 0)]
    for pos, fill in enumerate(fills, 1):
        events.append(
            Fill(
                symbol=symbol, ts=ts, seq=seq, pos=pos, user_id=user_id, order_id=seq, last=pos == final,
                side=side, price=fill.price, quantity=fill.quantity,
                maker_order_id=fill.maker_order_id, maker_user_id=fill.maker_user_id,
            )
        )  # fmt: skip
    if unfilled > 0:
        events.append(
            Cancelled(
                symbol=symbol, ts=ts, seq=seq, pos=final, user_id=user_id, order_id=seq, last=True,
                quantity=unfilled, reason=reason,
            )
        )  # fmt: skip
    return events


def left(
    seq: int, command: UserCommand | SessionCommand, order_id: int, owner: int, quantity: float, reason: str
) -> Cancelled:
    """Return the event of quantity that left a book because of a command, whoever's order."""
    return Cancelled(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=owner, order_id=order_id,
        quantity=quantity, reason=reason,
    )  # fmt: skip


def modified(seq: int, command: ModifyOrder, price: float | None, quantity: float, resting: float) -> Modified:
    """Return the first event of a change that passed; `resting` stays in the book."""
    return Modified(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=command.order_id,
        last=True, price=price, quantity=quantity, resting=resting,
    )  # fmt: skip


def counted(seq: int, command: MassCancel, count: int) -> MassCancelled:
    """Return the last event of a mass cancel."""
    return MassCancelled(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=seq, last=True,
        count=count,
    )  # fmt: skip


def rejected(seq: int, command: UserCommand | RiskCommand | SessionCommand, code: str, reason: str) -> Rejected:
    """Return the event of a command that changes nothing."""
    order_id = command.order_id if isinstance(command, CancelOrder | ReduceOrder | ModifyOrder) else seq
    return Rejected(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=order_id,
        last=True, code=code, reason=reason,
    )  # fmt: skip


def staff_rejected(seq: int, command: RiskCommand | SessionCommand, code: str, reason: str) -> Rejected:
    """Return why a command of the staff was refused, under a name of its own: the newest event of a name holds."""
    return msgspec.structs.replace(rejected(seq, command, code, reason), symbol=f"{command.symbol}.refused")


def unreadable(seq: int, symbol: str, problem: str) -> Rejected:
    """Return the event for bytes in the journal that are no command."""
    return Rejected(
        symbol=symbol, ts=0, seq=seq, pos=0, user_id=0, order_id=seq, last=True, code="unreadable", reason=problem
    )


def numbered(events: list[AnyEvent]) -> list[AnyEvent]:
    """Return a command's events with their positions among each other; one alone was made as first and last."""
    if len(events) == 1:
        return events
    last = len(events) - 1
    return [msgspec.structs.replace(event, pos=pos, last=pos == last) for pos, event in enumerate(events)]
