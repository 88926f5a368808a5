"""Whose an event is, and what each of them may see of it."""

from __future__ import annotations

from cift.api.live.messages import OwnEvent, OwnFill
from cift.core.messages import AnyEvent, DayEnded, Fill, PhaseSet, Uncrossed


def shown_to(event: AnyEvent) -> list[tuple[int, OwnEvent]]:
    """Return the accounts that an event belongs to, each with its side of it.

    A fill has two sides, and neither learns from it who the other is.
    """
    if isinstance(event, PhaseSet | Uncrossed | DayEnded):
        return []
    if not isinstance(event, Fill):
        return [(event.user_id, event)]
    taker = OwnFill(
        symbol=event.symbol, seq=event.seq, pos=event.pos, ts=event.ts, order_id=event.order_id,
        side=event.side, price=event.price, quantity=event.quantity, liquidity="taker",
    )  # fmt: skip
    maker = OwnFill(
        symbol=event.symbol, seq=event.seq, pos=event.pos, ts=event.ts, order_id=event.maker_order_id,
        side="sell" if event.side == "buy" else "buy", price=event.price, quantity=event.quantity, liquidity="maker",
    )  # fmt: skip
    return [(event.user_id, taker), (event.maker_user_id, maker)]
