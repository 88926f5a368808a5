"""/api/v1/risk: limits of accounts and the kill switch.

The engine decides by what the journal says. A change is a command there; what holds is the last event about it.
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path, Response

from cift.api.asked import known
from cift.api.auth import Reader, RiskOfficer
from cift.api.backend import Backend, Behind
from cift.api.outcome import decided, refusal_of, rejection
from cift.api.problems import Problem, described
from cift.api.risk_models import LimitsRequest, LimitsView, RiskView, StateRequest, StateView
from cift.core.messages import (
    AccountLimitsSet,
    AnyEvent,
    KillSwitch,
    KillSwitchSet,
    RiskCommand,
    SetAccountLimits,
    SetLimits,
    TradingState,
)
from cift.core.streams import CONFIGURATION

router = APIRouter(prefix="/api/v1/risk", tags=["risk"])

AccountId = Annotated[int, Path(ge=1, le=2**53, examples=[1])]
LIMITS = ("max_position", "max_notional", "max_leverage", "account_value")
EVERYTHING = "_state"
_CHANGE = (401, 403, 404, 422, 503)


def of_account(account_id: int) -> str:
    """Return where an account's state is told."""
    return f"{EVERYTHING}.account.{account_id}"


def of_symbol(symbol: str) -> str:
    """Return where a symbol's state is told."""
    return f"{EVERYTHING}.symbol.{symbol}"


async def _state(behind: Backend, where: str) -> TradingState:
    event = await behind.journal.last_event(where)
    return event.state if isinstance(event, KillSwitchSet) else "active"


async def _view(behind: Backend, account_id: int, said: AnyEvent | None = None) -> RiskView:
    """Return how an account stands; `said` may be newer than what its stream holds already."""
    default = await behind.journal.last_command(f"{CONFIGURATION}._limits")
    set_last = said if isinstance(said, AccountLimitsSet) else await behind.journal.last_event(f"_limits.{account_id}")
    state = said.state if isinstance(said, KillSwitchSet) else await _state(behind, of_account(account_id))
    given: dict[str, float] = {}
    if isinstance(set_last, AccountLimitsSet):
        values = {name: getattr(set_last, name) for name in LIMITS}
        given = {name: value for name, value in values.items() if value is not None}
    limits = None
    if isinstance(default, SetLimits):
        limits = LimitsView(**{name: getattr(default, name) for name in LIMITS} | given, own=list(given))
    everybody = await _state(behind, EVERYTHING)
    return RiskView(account_id=account_id, state=state, everybody=everybody, limits=limits)


def _account(behind: Backend, account_id: int) -> None:
    if not behind.reference.account_name(account_id):
        raise Problem(404, "unknown_account", "No such account", "No account has this id")


async def _change(behind: Backend, command: RiskCommand, response: Response) -> AnyEvent | None:
    """Return the event that the command caused; 202 and None when the engine's word does not come in time."""
    events = await decided(behind, command, response)
    if events is None:
        return None
    if refusal := refusal_of(events):
        raise rejection(None, refusal)
    return events[-1]


@router.get("", responses=described(401, 403, 503))
async def own(behind: Behind, reader: Reader) -> RiskView:
    """Return the account's limits, and whether it may trade."""
    return await _view(behind, reader.account_id)


@router.get("/accounts/{account_id}", responses=described(*_CHANGE))
async def of_any(account_id: AccountId, behind: Behind, officer: RiskOfficer) -> RiskView:
    """Return any account's limits, and whether it may trade."""
    _account(behind, account_id)
    return await _view(behind, account_id)


@router.put("/accounts/{account_id}/limits", responses=described(*_CHANGE, pending=RiskView))
async def limit(
    account_id: AccountId, wanted: LimitsRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> RiskView:
    """Give an account limits of its own, for orders from now on; what rests stays."""
    _account(behind, account_id)
    command = SetAccountLimits(
        symbol=f"_limits.{account_id}",
        ts=time.time_ns(),
        user_id=account_id,
        by=officer.account_id,
        **wanted.model_dump(),
    )
    return await _view(behind, account_id, await _change(behind, command, response))


@router.put("/accounts/{account_id}/state", responses=described(*_CHANGE, pending=RiskView))
async def switch_account(
    account_id: AccountId, wanted: StateRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> RiskView:
    """Halt an account, let it reduce its positions alone, or let it trade again. Its orders stay: cancel them."""
    _account(behind, account_id)
    where, now = of_account(account_id), time.time_ns()
    command = KillSwitch(symbol=where, ts=now, user_id=account_id, state=wanted.state, by=officer.account_id)
    return await _view(behind, account_id, await _change(behind, command, response))


@router.get("/symbols/{symbol}/state", responses=described(*_CHANGE))
async def symbol_state(symbol: str, behind: Behind, reader: Reader) -> StateView:
    """Return whether a symbol may be traded; an instrument that isn't active trades in no state."""
    known(behind, symbol)
    return StateView(scope=f"symbol {symbol}", state=await _state(behind, of_symbol(symbol)))


@router.put("/symbols/{symbol}/state", responses=described(*_CHANGE, pending=StateView))
async def switch_symbol(
    symbol: str, wanted: StateRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> StateView:
    """Halt a symbol for everybody, let positions in it be reduced alone, or let it trade again."""
    known(behind, symbol)
    where, now = of_symbol(symbol), time.time_ns()
    command = KillSwitch(symbol=where, ts=now, user_id=0, instrument=symbol, state=wanted.state, by=officer.account_id)
    await _change(behind, command, response)
    return StateView(scope=f"symbol {symbol}", state=wanted.state)


@router.put("/state", responses=described(401, 403, 422, 503, pending=StateView))
async def switch_everything(
    wanted: StateRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> StateView:
    """Halt everything, let positions be reduced alone, or let everybody trade again."""
    now = time.time_ns()
    command = KillSwitch(symbol=EVERYTHING, ts=now, user_id=0, state=wanted.state, by=officer.account_id)
    await _change(behind, command, response)
    return StateView(scope="everything", state=wanted.state)
