"""The last steps of an answer: what is said of a command that changes nothing, and a command's events in order."""

from __future__ import annotations

import msgspec

from cift.core.messages import (
    AnyEvent,
    CancelOrder,
    ModifyOrder,
    ReduceOrder,
    Rejected,
    RiskCommand,
    SessionCommand,
    UserCommand,
)


def rejected(seq: int, command: UserCommand | RiskCommand | SessionCommand, code: str, reason: str) -> Rejected:
    """Return why a command was refused, as its only event."""
    order_id = command.order_id if isinstance(command, CancelOrder | ReduceOrder | ModifyOrder) else seq
    return Rejected(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=order_id,
        last=True, code=code, reason=reason,
    )  # fmt: skip


def staff_rejected(seq: int, command: RiskCommand | SessionCommand, code: str, reason: str) -> Rejected:
    """Return why a command of the staff was refused, under a name of its own: the newest event of a name holds."""
    return msgspec.structs.replace(rejected(seq, command, code, reason), symbol=f"{command.symbol}.refused")


def numbered(events: list[AnyEvent]) -> list[AnyEvent]:
    """Return a command's events with their positions among each other; one alone was made as first and last."""
    if len(events) == 1:
        return events
    last = len(events) - 1
    return [msgspec.structs.replace(event, pos=pos, last=pos == last) for pos, event in enumerate(events)]
