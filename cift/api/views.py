"""From a command and the engine's events to what a client reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from cift.api.models import CancelledOrder, ChangeView, FillView, MassCancelView, OrderView, Status
from cift.api.terms import terms_of
from cift.core.messages import (
    Accepted,
    AnyEvent,
    Cancelled,
    Fill,
    MassCancelled,
    Modified,
    NewOrder,
    Reduced,
    Rejected,
)


def _total(quantities: Iterable[float]) -> float:
    """Return the sum in decimal: 0.1 and 0.2 are 0.3."""
    return float(sum(Decimal(repr(quantity)) for quantity in quantities))


def _average(fills: Sequence[Fill], filled: float) -> float | None:
    return sum(fill.price * fill.quantity for fill in fills) / filled if filled else None


def _views(fills: Iterable[Fill]) -> list[FillView]:
    return [FillView(price=f.price, quantity=f.quantity, maker_order_id=f.maker_order_id) for f in fills]


def _status(order_type: str, events: Sequence[AnyEvent], filled: float, resting: float) -> Status:
    if not events:
        return "pending"
    if any(isinstance(event, Rejected) for event in events):
        return "rejected"
    if any(isinstance(event, Cancelled) for event in events):
        return "cancelled"
    if filled and not resting:
        return "filled"
    if order_type == "notional":  # it never rests, and the engine has no quantity that it could call cancelled
        return "cancelled"
    return "partially_filled" if filled else "accepted"


def order_view(order_id: int, command: NewOrder, events: Sequence[AnyEvent] | None) -> OrderView:
    """Return the order and its outcome on arrival; `events` None means that it is not known yet."""
    events = events or ()
    fills = [event for event in events if isinstance(event, Fill)]
    filled = _total(fill.quantity for fill in fills)
    resting = sum(event.resting for event in events if isinstance(event, Accepted))
    reasons = [event.reason for event in events if isinstance(event, Rejected | Cancelled)]
    return OrderView(
        order_id=order_id,
        status=_status(command.order_type, events, filled, resting),
        symbol=command.symbol,
        side=command.side,
        order_type=command.order_type,
        quantity=command.quantity,
        price=command.price,
        tif=command.tif,
        client_order_id=command.client_order_id,
        filled_quantity=filled,
        average_price=_average(fills, filled),
        resting_quantity=resting,
        fills=_views(fills),
        reason=reasons[0] if reasons else None,
        terms=terms_of(command),
    )


def change_view(order_id: int, events: Sequence[AnyEvent]) -> ChangeView:
    """Return what a cancel, a reduction or a modification did, from its events (at least one, no rejection).

    Others' orders may have moved with it: their events are not told here.
    """
    seq = events[0].seq
    own = [event for event in events if order_id in (event.order_id, getattr(event, "maker_order_id", None))]
    cancelled = _total(event.quantity for event in own if isinstance(event, Cancelled)) or None
    for event in own:
        match event:
            case Modified():
                fills = [fill for fill in own if isinstance(fill, Fill)]
                filled = _total(fill.quantity for fill in fills)
                return ChangeView(
                    order_id=order_id,
                    status="modified",
                    price=event.price,
                    cancelled_quantity=cancelled,
                    filled_quantity=filled,
                    average_price=_average(fills, filled),
                    remaining_quantity=event.resting,
                    fills=_views(fills),
                    seq=seq,
                )
            case Reduced():
                return ChangeView(order_id=order_id, status="reduced", remaining_quantity=event.remaining, seq=seq)
    return ChangeView(
        order_id=order_id, status="cancelled", cancelled_quantity=cancelled, remaining_quantity=0, seq=seq
    )


def mass_cancel_view(symbol: str, events: Sequence[AnyEvent]) -> MassCancelView:
    """Return what a mass cancel did, from its events (at least one, no rejection)."""
    asked_for = [event for event in events if isinstance(event, Cancelled) and event.reason == "user"]
    return MassCancelView(
        symbol=symbol,
        status="cancelled",
        count=sum(event.count for event in events if isinstance(event, MassCancelled)),
        orders=[CancelledOrder(order_id=event.order_id, quantity=event.quantity) for event in asked_for],
    )
