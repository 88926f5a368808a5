"""What travels in the bodies of requests and answers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from cift.core.messages import Side

OrderType = Literal["limit", "market"]
TimeInForce = Literal["GTC", "IOC", "FOK"]
Status = Literal["accepted", "partially_filled", "filled", "cancelled", "rejected", "pending"]
OrderId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The id that placing the order returned.", examples=[42])]

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class OrderRequest(BaseModel):
    """A new order. Numbers are JSON numbers, finite, and on the instrument's grid of ticks and lots."""

    model_config = _STRICT

    symbol: str = Field(max_length=32, examples=["AAPL"])
    side: Side = Field(examples=["buy"])
    order_type: OrderType = Field("limit", examples=["limit"])
    quantity: float = Field(gt=0, examples=[100], description="A multiple of the lot size.")
    price: float | None = Field(
        None,
        gt=0,
        examples=[187.25],
        description="A multiple of the tick size; limit orders need it, market orders none.",
    )
    tif: TimeInForce = Field(
        "GTC",
        description="GTC rests until cancelled; IOC cancels what does not trade at once; FOK trades whole or not.",
    )
    post_only: bool = Field(False, description="Refuse the order rather than let it trade on arrival.")
    client_order_id: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_.:-]+$",
        examples=["strategy-7.000123"],
        description="Unique within the account: the same request again returns the same order instead of a second one.",
    )


class ReduceRequest(BaseModel):
    """Take some quantity off an order that rests in the book; it keeps its place in the queue."""

    model_config = _STRICT

    reduce_by: float = Field(gt=0, examples=[50], description="A multiple of the lot size.")


class FillView(BaseModel):
    """One match of the order as it arrived."""

    price: float
    quantity: float
    maker_order_id: int


class OrderView(BaseModel):
    """An order and what the engine decided when it arrived; `pending` when that is not known yet."""

    order_id: int = Field(examples=[42])
    status: Status
    symbol: str = Field(examples=["AAPL"])
    side: Side
    order_type: OrderType
    quantity: float = Field(examples=[100])
    price: float | None = Field(examples=[187.25])
    tif: TimeInForce
    client_order_id: str | None = None
    filled_quantity: float = Field(examples=[60])
    average_price: float | None = Field(examples=[187.24])
    resting_quantity: float = Field(examples=[40], description="What stayed in the book.")
    fills: list[FillView]
    reason: str | None = Field(None, description="Why it was rejected or cancelled.")


class ChangeView(BaseModel):
    """What became of an order after a cancel or a reduction."""

    order_id: int = Field(examples=[42])
    status: Literal["cancelled", "reduced", "pending"]
    cancelled_quantity: float | None = Field(None, examples=[40])
    remaining_quantity: float | None = Field(None, examples=[0])


class Level(BaseModel):
    """One price of the book and what rests there."""

    price: float = Field(examples=[187.25])
    quantity: float = Field(examples=[300])


class BookView(BaseModel):
    """Depth, best price first; `seq` is the journal's position that it shows (0 before the first order)."""

    symbol: str = Field(examples=["AAPL"])
    seq: int
    ts: int = Field(description="Nanoseconds since 1970 of the command behind `seq`.")
    bids: list[Level]
    asks: list[Level]


class DependencyView(BaseModel):
    """One system that we need."""

    state: Literal["up", "down"]
    latency_ms: float | None = Field(examples=[0.41])
    lag: int | None = Field(None, description="Messages that wait for the service.")
    reason: str | None = None


class HealthView(BaseModel):
    """`up` when every dependency is."""

    status: Literal["up", "down"]
    dependencies: dict[str, DependencyView]
