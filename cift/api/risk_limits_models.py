"""Bodies of the routes of the core's limits, below /api/v1/risk."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from cift.core.messages import RiskLimit

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_MOST = 1e15


class LimitRequest(BaseModel):
    """A limit: a quantity, an amount, a number, a fraction (collars) or nanoseconds (duplicate_window)."""

    model_config = _STRICT

    value: float = Field(gt=0, le=2**53, examples=[500])
    window_ns: int = Field(
        0,
        ge=0,
        le=2**53,
        examples=[0],
        description="For collar_period, max_executions and max_messages, which count over a time; 0 for others.",
    )


class CashRequest(BaseModel):
    """What an account has for leverage; closed positions add to it and take from it."""

    model_config = _STRICT

    amount: float = Field(ge=-_MOST, le=_MOST, examples=[100_000])


class ReferenceRequest(BaseModel):
    """The price that collar_reference measures from; null takes it away."""

    model_config = _STRICT

    price: float | None = Field(gt=0, le=_MOST, examples=[187.25])


class SwitchRequest(BaseModel):
    """Whether it holds."""

    model_config = _STRICT

    on: bool = Field(examples=[True])


class LimitView(BaseModel):
    """A limit of a scope; `value` is null without one."""

    limit: RiskLimit
    account_id: int | None = Field(description="Null: every account.", examples=[1])
    symbol: str | None = Field(description="Null: every symbol.", examples=["AAPL"])
    value: float | None = Field(examples=[500])
    window_ns: int = Field(examples=[0])


class SettingView(BaseModel):
    """What was set of a scope: cash, reference, restricted, unauthorised or enable."""

    setting: str = Field(examples=["restricted"])
    account_id: int | None = Field(description="Null: every account.", examples=[1])
    symbol: str | None = Field(description="Null: every symbol.", examples=["AAPL"])
    value: float | None = Field(description="An amount or a price; 1 for a switch that is on, null for off.")


class SymbolUse(BaseModel):
    """What an account has in a symbol."""

    symbol: str = Field(examples=["AAPL"])
    position: float = Field(description="Negative when short.")
    open_buy: float = Field(description="What its open orders would buy.")
    open_sell: float
    throttled: bool = Field(description="It traded too often, and waits for a risk officer.")


class UsageView(BaseModel):
    """How much of its limits an account uses, as the engine counted after command `position` of the journal."""

    account_id: int = Field(examples=[1])
    position: int
    counted: bool = Field(description="False before the first limit is set: then sums are not kept.")
    cash: float
    exposure: float = Field(description="What open positions cost.")
    held: float = Field(description="What open orders hold of the buying power.")
    open_notional: float
    open_orders: int
    buying_power_left: float | None = Field(description="Null without a limit on leverage or buying power.")
    symbols: list[SymbolUse]
    limits: list[LimitView] = Field(description="Every limit of the account, its symbols, and everybody, by scope.")
