"""A matcher and a flow of commands for it, behind those that open one symbol for trading."""

from __future__ import annotations

from cift.core.matching import Matcher
from cift.core.messages import AnyCommand, AnyEvent, SetInstrument, SetLimits

OPENING: list[AnyCommand] = [
    SetInstrument(symbol="AAPL", ts=0, user_id=0, tick_size=1.0, lot_size=1.0),
    SetLimits(
        symbol="_limits", ts=0, user_id=0, max_position=1e6, max_notional=1e9, max_leverage=10.0, account_value=1e9
    ),
]


def decided(commands: list[AnyCommand], restart: int | None = None) -> tuple[Matcher, list[list[AnyEvent]]]:
    """Return what a matcher decides, started again from a snapshot before command number `restart`."""
    matcher, events = Matcher(), []
    for number, command in enumerate(OPENING + commands, 1):
        if number == restart:
            matcher = Matcher.restore(matcher.snapshot())
        events.append(matcher.apply(number, command))
    return matcher, events
