"""What every command's events have in common, and the one of a command that is refused."""

from __future__ import annotations

import msgspec

from cift.core.messages import AnyEvent, CancelOrder, ModifyOrder, ReduceOrder, Rejected, RiskCommand, UserCommand


def rejected(seq: int, command: UserCommand | RiskCommand, code: str, reason: str) -> Rejected:
    """Return the event of a command that changes nothing."""
    order_id = command.order_id if isinstance(command, CancelOrder | ReduceOrder | ModifyOrder) else seq
    return Rejected(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=order_id,
        last=True, code=code, reason=reason,
    )  # fmt: skip


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
