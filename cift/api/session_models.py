"""Bodies of the routes about the course of an instrument's day."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cift.api.models import IndicationView
from cift.core.messages import Phase

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_SYMBOL = Field(examples=["AAPL"])
_PHASE = Field(examples=["opening_auction"])


class PhaseRequest(BaseModel):
    """What may happen from now on: orders trade as they come, can only leave, or gather for an auction."""

    model_config = _STRICT

    phase: Phase = _PHASE


class UncrossRequest(BaseModel):
    """How an auction is to end."""

    model_config = _STRICT | ConfigDict(json_schema_extra={"examples": [{}, {"reference": 187.25, "then": "halted"}]})

    reference: float | None = Field(
        None,
        gt=0,
        examples=[187.25],
        description="Of prices at which as much trades with as little left over the one closest to it is taken; the "
        "last trade's if left out. A multiple of the tick size.",
    )
    then: Literal["continuous", "halted"] = Field("continuous", description="The phase that follows.")


class SessionView(BaseModel):
    """What may happen to an instrument now, and what its auction would do if it ended."""

    symbol: str = _SYMBOL
    phase: Phase = _PHASE
    indication: IndicationView | None = Field(
        None, description="A moment behind the engine, as books are. Null when nothing would trade in an auction now."
    )


class UncrossView(BaseModel):
    """How an auction ended; `pending` when that is not known yet."""

    symbol: str = _SYMBOL
    status: Literal["uncrossed", "pending"]
    phase: Phase = Field(examples=["continuous"], description="The phase that follows.")
    price: float | None = Field(None, examples=[187.25], description="The one price; null when nothing traded.")
    volume: float = Field(0.0, examples=[1200], description="How much traded at it.")
    imbalance: float = Field(
        0.0, examples=[-300], description="How much more would have been bought at it; negative: sold."
    )
    trades: int = Field(0, examples=[17], description="How many trades there were, with those of stops that it fired.")
    cancelled: int = Field(0, examples=[2], description="How many orders left, those for the auction alone among them.")


class DayView(BaseModel):
    """How a day ended; `pending` when that is not known yet."""

    symbol: str = _SYMBOL
    status: Literal["ended", "pending"]
    count: int | None = Field(None, examples=[12], description="How many orders left that were good for the day.")
