"""From a command to the engine's word on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import Header, Response

from cift.api.backend import Backend
from cift.api.metrics import OUTCOME_SECONDS
from cift.api.problems import Problem
from cift.core.messages import AnyEvent, Rejected, RiskCommand, SessionCommand, UserCommand

Idempotency = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_.:-]+$",
        examples=["change-000123"],
        description="Unique within the account: the same request again is done once, within the journal's window.",
    ),
]

# The engine's codes that mean more than "the command is not acceptable".
_STATUS_OF_CODE = {"not_owner": 403, "duplicate_client_order_id": 409}


async def decided(
    behind: Backend, command: UserCommand | RiskCommand | SessionCommand, response: Response, key: str | None = None
) -> list[AnyEvent] | None:
    """Append a command and return what the engine decided; None, with status 202, when that is not known yet.

    The same command again with the same idempotency key is the same command: its outcome is returned, with the header
    `Idempotent-Replayed`; 409 when the key is another command's.
    """
    started = time.perf_counter()
    msg_id = f"key:{command.user_id}:{key}" if key else None
    receipt = await behind.journal.append(command, msg_id=msg_id)
    if receipt.duplicate:
        original = await behind.journal.read(receipt.seq)
        if original is None or msgspec.structs.replace(original, ts=command.ts) != command:
            detail = "Another request of this account had the same Idempotency-Key and differs"
            raise Problem(409, "idempotency_key_used", "Not the same request", detail)
        response.headers["Idempotent-Replayed"] = "true"
    events = await behind.journal.outcome(receipt, behind.settings.order_timeout_s)
    OUTCOME_SECONDS.observe(time.perf_counter() - started)
    if events is None:
        response.status_code = 202
    return events


def refusal_of(events: Sequence[AnyEvent]) -> Rejected | None:
    """Return why the command was refused, if it was: its last word."""
    last = events[-1]
    return last if isinstance(last, Rejected) else None


def rejection(order_id: int | None, event: Rejected) -> Problem:
    """Return the problem that a rejection is for the client."""
    status = _STATUS_OF_CODE.get(event.code, 422)
    return Problem(status, event.code, "The engine rejected this", event.reason, order_id=order_id)
