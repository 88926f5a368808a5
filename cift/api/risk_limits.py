"""/api/v1/risk: the limits of the core's risk engine for everybody, an account, a symbol, or an account in a symbol.

What holds is the account's own limit in a symbol; else the tighter one of the account's and the symbol's; else
everybody's. `cift.api.risk` has the three limits and the kill switch that hold beside these.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, get_args

import msgspec
from annotated_types import MaxLen
from fastapi import APIRouter, Depends, Query, Response
from nats.errors import Error as NatsError

from cift.api.asked import known
from cift.api.auth import Reader, RiskOfficer
from cift.api.backend import Backend, Behind
from cift.api.outcome import decided, refusal_of, rejection
from cift.api.problems import Problem, described, unavailable
from cift.api.risk import AccountId
from cift.api.risk_limits_models import (
    CashRequest,
    LimitRequest,
    LimitView,
    ReferenceRequest,
    SettingView,
    SwitchRequest,
    SymbolUse,
    UsageView,
)
from cift.api.usage import usage_of
from cift.core.messages import RiskLimit, RiskSet, RiskSetting, SetRisk, risk_place
from cift.core.nats_manager import NatsUnavailableError

router = APIRouter(prefix="/api/v1/risk", tags=["risk"])

LIMITS: tuple[RiskLimit, ...] = get_args(RiskLimit)
_CHANGE = (401, 403, 404, 422, 503)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a setting is about; `account_id` 0 is everybody, `symbol` None everything."""

    account_id: int
    symbol: str | None


def _scope(
    behind: Behind,
    account_id: Annotated[int | None, Query(ge=1, le=2**53, description="Every account, if left out.")] = None,
    symbol: Annotated[str | None, MaxLen(32), Query(description="Every symbol, if left out.")] = None,
) -> Scope:
    if account_id is not None and not behind.reference.account_name(account_id):
        raise Problem(404, "unknown_account", "No such account", "No account has this id")
    if symbol is not None:
        known(behind, symbol)
    return Scope(account_id or 0, symbol)


InScope = Annotated[Scope, Depends(_scope)]
"""The scope that the query names; 404 for an account or a symbol that doesn't exist."""


async def _set(
    behind: Backend, response: Response, officer: int, scope: Scope, setting: RiskSetting,
    value: float | None, window_ns: int = 0,
) -> SettingView:  # fmt: skip
    command = SetRisk(
        symbol=risk_place(setting, scope.account_id, scope.symbol), ts=time.time_ns(), user_id=scope.account_id,
        setting=setting, value=value, window_ns=window_ns, instrument=scope.symbol, by=officer,
    )  # fmt: skip
    events = await decided(behind, command, response)
    if events is not None and (refusal := refusal_of(events)):
        raise rejection(None, refusal)
    return SettingView(setting=setting, account_id=scope.account_id or None, symbol=scope.symbol, value=value)


async def _limit(behind: Backend, limit: RiskLimit, scope: Scope) -> LimitView:
    said = await behind.journal.last_event(risk_place(limit, scope.account_id, scope.symbol))
    holds = said if isinstance(said, RiskSet) else None
    return LimitView(
        limit=limit, account_id=scope.account_id or None, symbol=scope.symbol,
        value=holds.value if holds else None, window_ns=holds.window_ns if holds else 0,
    )  # fmt: skip


async def _limits(behind: Backend, scopes: Iterable[Scope]) -> list[LimitView]:
    """Return every limit that is set in these scopes."""
    found = await asyncio.gather(*(_limit(behind, limit, scope) for scope in scopes for limit in LIMITS))
    return [view for view in found if view.value is not None]


@router.get("/limits", responses=described(*_CHANGE))
async def limits(scope: InScope, behind: Behind, officer: RiskOfficer) -> list[LimitView]:
    """Return the limits that are set in exactly this scope."""
    return await _limits(behind, [scope])


@router.get("/limits/{limit}", responses=described(*_CHANGE))
async def limit_of(limit: RiskLimit, scope: InScope, behind: Behind, officer: RiskOfficer) -> LimitView:
    """Return a limit of exactly this scope."""
    return await _limit(behind, limit, scope)


@router.put("/limits/{limit}", responses=described(*_CHANGE, pending=LimitView))
async def set_limit(
    limit: RiskLimit, scope: InScope, wanted: LimitRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> LimitView:
    """Set a limit of a scope, for orders from now on; what rests stays."""
    await _set(behind, response, officer.account_id, scope, limit, wanted.value, wanted.window_ns)
    return LimitView(
        limit=limit, account_id=scope.account_id or None, symbol=scope.symbol,
        value=wanted.value, window_ns=wanted.window_ns,
    )  # fmt: skip


@router.delete("/limits/{limit}", responses=described(*_CHANGE, pending=LimitView))
async def take_limit_away(
    limit: RiskLimit, scope: InScope, behind: Behind, officer: RiskOfficer, response: Response
) -> LimitView:
    """Take a limit of a scope away: then the next wider scope's holds."""
    await _set(behind, response, officer.account_id, scope, limit, None)
    return LimitView(limit=limit, account_id=scope.account_id or None, symbol=scope.symbol, value=None, window_ns=0)


@router.put("/accounts/{account_id}/cash", responses=described(*_CHANGE, pending=SettingView))
async def set_cash(
    account_id: AccountId, wanted: CashRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> SettingView:
    """Say what an account has in cash, for max_leverage."""
    scope = _scope(behind, account_id)
    return await _set(behind, response, officer.account_id, scope, "cash", wanted.amount)


@router.put("/symbols/{symbol}/reference", responses=described(*_CHANGE, pending=SettingView))
async def set_reference(
    symbol: str, wanted: ReferenceRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> SettingView:
    """Set the price that collar_reference measures from, on the symbol's grid."""
    scope = _scope(behind, None, symbol)
    return await _set(behind, response, officer.account_id, scope, "reference", wanted.price)


@router.put("/restriction", responses=described(*_CHANGE, pending=SettingView))
async def restrict(
    scope: InScope, wanted: SwitchRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> SettingView:
    """Put a scope off limits for new orders and changes, or no longer; cancels pass."""
    value = 1.0 if wanted.on else None
    return await _set(behind, response, officer.account_id, scope, "restricted", value)


@router.put("/accounts/{account_id}/authorisation", responses=described(*_CHANGE, pending=SettingView))
async def authorise(
    account_id: AccountId, wanted: SwitchRequest, behind: Behind, officer: RiskOfficer, response: Response
) -> SettingView:
    """Let an account trade, or no longer: what the setting `unauthorised` says the other way round."""
    scope = _scope(behind, account_id)
    value = None if wanted.on else 1.0
    return await _set(behind, response, officer.account_id, scope, "unauthorised", value)


@router.post("/enable", responses=described(*_CHANGE, pending=SettingView))
async def enable(scope: InScope, behind: Behind, officer: RiskOfficer, response: Response) -> SettingView:
    """Let accounts of a scope that traded too often (repeated_execution) go on; their count starts anew."""
    return await _set(behind, response, officer.account_id, scope, "enable", None)


async def _usage(behind: Backend, account_id: int) -> UsageView:
    try:
        usage = await usage_of(behind.nats, behind.settings.engine_shards, account_id)
    except (NatsError, NatsUnavailableError, msgspec.MsgspecError):
        raise unavailable("The engine", "No engine said in time what the account uses; try again") from None
    symbols = [each.symbol for each in usage.symbols]
    scopes = [Scope(account_id, None), Scope(0, None)]
    scopes += [Scope(account, symbol) for symbol in symbols for account in (account_id, 0)]
    fields = {name: getattr(usage, name) for name in UsageView.model_fields if name not in ("symbols", "limits")}
    uses = [SymbolUse(**msgspec.structs.asdict(each)) for each in usage.symbols]
    return UsageView(**fields, symbols=uses, limits=await _limits(behind, scopes))


@router.get("/usage", responses=described(401, 403, 503))
async def own_usage(behind: Behind, reader: Reader) -> UsageView:
    """Return how much of its limits the account uses: positions, open orders, buying power left, throttles."""
    return await _usage(behind, reader.account_id)


@router.get("/accounts/{account_id}/usage", responses=described(*_CHANGE))
async def usage_of_any(account_id: AccountId, behind: Behind, officer: RiskOfficer) -> UsageView:
    """Return how much of its limits any account uses."""
    return await _usage(behind, _scope(behind, account_id).account_id)
