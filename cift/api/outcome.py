"""From a command to the engine's word on it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cift.api.backend import Backend
from cift.api.metrics import OUTCOME_SECONDS
from cift.api.problems import Problem
from cift.core.messages import AnyEvent, Rejected, RiskCommand, UserCommand

# The engine's codes that mean more than "the command is not acceptable".
_STATUS_OF_CODE = {"not_owner": 403, "duplicate_client_order_id": 409}


async def decided(behind: Backend, command: UserCommand | RiskCommand) -> list[AnyEvent] | None:
    """Append a command and return what the engine decided; None when it is in the journal, and that is not known."""
    started = time.perf_counter()
    receipt = await behind.journal.append(command)
    events = await behind.journal.outcome(receipt, behind.settings.order_timeout_s)
    OUTCOME_SECONDS.observe(time.perf_counter() - started)
    return events


def refusal_of(events: Sequence[AnyEvent]) -> Rejected | None:
    """Return why the command was refused, if it was: its last word."""
    last = events[-1]
    return last if isinstance(last, Rejected) else None


def rejection(order_id: int | None, event: Rejected) -> Problem:
    """Return the problem that a rejection is for the client."""
    status = _STATUS_OF_CODE.get(event.code, 422)
    return Problem(status, event.code, "The engine rejected this", event.reason, order_id=order_id)
