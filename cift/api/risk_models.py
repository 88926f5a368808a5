"""Bodies of the routes below /api/v1/risk."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from cift.core.messages import TradingState

_MOST = 1e15
_EVERYBODYS = "Null or left out: everybody's."


class LimitsRequest(BaseModel):
    """The limits that an account is to have; all of them null takes its own away."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    max_position: float | None = Field(None, gt=0, le=_MOST, examples=[5000], description=_EVERYBODYS)
    max_notional: float | None = Field(None, gt=0, le=_MOST, examples=[1e6], description=_EVERYBODYS)
    max_leverage: float | None = Field(None, gt=0, le=_MOST, examples=[2], description=_EVERYBODYS)
    account_value: float | None = Field(None, gt=0, le=_MOST, examples=[1e6], description=_EVERYBODYS)


class StateRequest(BaseModel):
    """The kill switch: halted takes cancels alone, reducing also orders that reduce the position."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: TradingState = Field(examples=["halted"])


class LimitsView(BaseModel):
    """An account's limits in force."""

    max_position: float = Field(description="Largest position in a symbol, after an order.")
    max_notional: float = Field(description="Largest value of one order.")
    max_leverage: float = Field(description="Largest value of a position, as a multiple of account_value.")
    account_value: float
    own: list[str] = Field(
        description="Those that are the account's own, not everybody's.", examples=[["max_position"]]
    )


class RiskView(BaseModel):
    """Limits of an account, and whether it may trade; of its own state and everybody's the worse one counts."""

    account_id: int = Field(examples=[1])
    state: TradingState
    everybody: TradingState
    limits: LimitsView | None = Field(description="Null before the engine has any: then nothing is traded.")


class StateView(BaseModel):
    """The state of an account, a symbol, or everything."""

    scope: str = Field(examples=["symbol AAPL"])
    state: TradingState
