"""/api/v1/instruments/{symbol}: the course of its day: phases, auctions, the end of the day.

As with the kill switch the engine decides by what the journal says; what holds is the last event about it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Response

from cift.api.asked import known
from cift.api.auth import Reader, RiskOfficer
from cift.api.backend import Backend, Behind
from cift.api.grid import check_price
from cift.api.models import IndicationView
from cift.api.outcome import decided, refusal_of, rejection
from cift.api.problems import described, invalid
from cift.api.session_models import DayView, PhaseRequest, SessionView, UncrossRequest, UncrossView
from cift.core.cache import CacheUnavailableError
from cift.core.messages import (
    AnyEvent,
    Cancelled,
    DayEnded,
    EndOfDay,
    Fill,
    Phase,
    PhaseSet,
    SessionCommand,
    SetPhase,
    Uncross,
    Uncrossed,
)
from cift.core.sessions import is_auction, of_session

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/v1/instruments", tags=["sessions"])

_CHANGE = (401, 403, 404, 422, 503)


def _about(symbol: str, by: int) -> dict[str, Any]:
    """Return what every command about an instrument's day says."""
    return {
        "symbol": of_session(symbol),
        "ts": time.time_ns(),
        "user_id": 0,
        "instrument": symbol,
        "by": by,
    }


async def _change(behind: Backend, command: SessionCommand, response: Response) -> Sequence[AnyEvent]:
    """Return what the command caused; 202 and nothing when the engine's word does not come in time."""
    events = await decided(behind, command, response)
    if events and (refusal := refusal_of(events)):
        raise rejection(None, refusal)
    return events or ()


async def _phase(behind: Backend, symbol: str) -> Phase:
    event = await behind.journal.last_event(of_session(symbol))
    return event.phase if isinstance(event, PhaseSet | Uncrossed | DayEnded) else "continuous"


async def _indication(behind: Backend, symbol: str, phase: Phase) -> IndicationView | None:
    """Return what the book says that everybody sees; the cache being away costs no more than that."""
    try:
        book = await behind.cache.get_book(symbol) if is_auction(phase) else None
    except CacheUnavailableError as error:
        log.warning("book %s: %s", symbol, error)
        return None
    return None if book is None or book.phase != phase else IndicationView.of(book)


@router.get("/{symbol}/session", responses=described(*_CHANGE))
async def get_session(symbol: str, behind: Behind, reader: Reader) -> SessionView:
    """Return what may happen to an instrument now, and in an auction what would trade if it ended."""
    known(behind, symbol)
    phase = await _phase(behind, symbol)
    return SessionView(symbol=symbol, phase=phase, indication=await _indication(behind, symbol, phase))


@router.put("/{symbol}/session", responses=described(*_CHANGE, pending=SessionView))
async def set_session(
    symbol: str, wanted: PhaseRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> SessionView:
    """Halt an instrument, let its orders gather for an auction, or let them trade as they come.

    A book that crosses can't go on continuously: uncross it.
    """
    known(behind, symbol)
    await _change(behind, SetPhase(**_about(symbol, officer.account_id), phase=wanted.phase), response)
    return SessionView(symbol=symbol, phase=wanted.phase)


@router.post("/{symbol}/uncross", responses=described(*_CHANGE, pending=UncrossView))
async def uncross(
    symbol: str, wanted: UncrossRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> UncrossView:
    """End the auction: everything that can trade does, at the one price at which most does."""
    instrument = known(behind, symbol)
    errors = [] if wanted.reference is None else check_price("reference", wanted.reference, instrument)
    if errors:
        raise invalid(errors)
    command = Uncross(**_about(symbol, officer.account_id), reference=wanted.reference, then=wanted.then)
    events = await _change(behind, command, response)
    said = events[-1] if events else None
    if not isinstance(said, Uncrossed):
        return UncrossView(symbol=symbol, status="pending", phase=wanted.then)
    return UncrossView(
        symbol=symbol,
        status="uncrossed",
        phase=said.phase,
        price=said.price,
        volume=said.volume,
        imbalance=said.imbalance,
        trades=sum(isinstance(event, Fill) for event in events),
        cancelled=sum(isinstance(event, Cancelled) for event in events),
    )


@router.post("/{symbol}/end-of-day", responses=described(*_CHANGE, pending=DayView))
async def end_day(symbol: str, behind: Behind, officer: RiskOfficer, response: Response) -> DayView:
    """End the instrument's day: orders that are good for it leave. The phase stays as it is."""
    known(behind, symbol)
    events = await _change(behind, EndOfDay(**_about(symbol, officer.account_id)), response)
    said = events[-1] if events else None
    if not isinstance(said, DayEnded):
        return DayView(symbol=symbol, status="pending")
    return DayView(symbol=symbol, status="ended", count=said.count)
