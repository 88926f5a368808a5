"""What travels in the bodies of requests and answers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from cift.api.terms import STRICT, Terms
from cift.core.messages import BookUpdate, Phase, Side

OrderType = Literal["limit", "market", "market_to_limit", "stop", "pegged", "notional"]
TimeInForce = Literal["GTC", "IOC", "FOK", "DAY", "GTD", "ATO", "ATC"]
Status = Literal["accepted", "partially_filled", "filled", "cancelled", "rejected", "pending"]
OrderId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The id that placing the order returned.", examples=[42])]


class OrderRequest(Terms):
    """A new order. Numbers are JSON numbers, finite, and on the instrument's grid of ticks and lots."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {"symbol": "AAPL", "side": "buy", "quantity": 100, "price": 187.25},
                {"symbol": "AAPL", "side": "sell", "order_type": "stop", "quantity": 100, "trigger_price": 185.00},
                {"symbol": "AAPL", "side": "sell", "order_type": "stop", "quantity": 100, "trail": 0.50},
                {"symbol": "AAPL", "side": "buy", "order_type": "pegged", "quantity": 100, "peg": "mid"},
                {"symbol": "AAPL", "side": "buy", "order_type": "notional", "quantity": 25_000},
                {"symbol": "AAPL", "side": "buy", "quantity": 1000, "price": 187.25, "display_quantity": 100},
            ]
        }
    )

    symbol: str = Field(max_length=32, examples=["AAPL"])
    side: Side = Field(examples=["buy"])
    order_type: OrderType = Field(
        "limit",
        examples=["limit"],
        description="market_to_limit rests at the price of its last trade; a stop waits for its trigger, and has a "
        "price if it is to become a limit order; a pegged order follows the book, no further than its price; notional "
        "is a market order for an amount of money.",
    )
    quantity: float = Field(
        gt=0, examples=[100], description="A multiple of the lot size; of a notional order an amount of money."
    )
    price: float | None = Field(
        None,
        gt=0,
        examples=[187.25],
        description="A multiple of the tick size; limit orders need it, stops and pegged orders may have it.",
    )
    tif: TimeInForce = Field(
        "GTC",
        description="GTC rests until cancelled, DAY until the day's end, GTD until `expires`; IOC cancels what does "
        "not trade at once; FOK trades whole or not. ATO and ATC are for the opening and the closing auction: they "
        "come in while it gathers orders, and leave when it ends.",
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


class ChangeRequest(BaseModel):
    """What a resting order is to be: another price, another quantity, or both; or how much less.

    A repeated `price` or `quantity` changes nothing more, a repeated `reduce_by` does.
    """

    model_config = STRICT | ConfigDict(
        json_schema_extra={"examples": [{"price": 187.30}, {"price": 187.30, "quantity": 50}, {"reduce_by": 50}]}
    )

    price: float | None = Field(
        None, gt=0, examples=[187.30], description="A multiple of the tick size; another price loses the order's place."
    )
    quantity: float | None = Field(
        None,
        gt=0,
        examples=[50],
        description="What is to be left, a multiple of the lot size; more than before loses the order's place.",
    )
    reduce_by: float | None = Field(
        None,
        gt=0,
        examples=[50],
        description="Taken off what is left, all of it at most, a multiple of the lot size; goes with nothing else.",
    )


class MassCancelRequest(BaseModel):
    """Which of the account's own orders to cancel; of a symbol all, unless the side or prices say less."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    symbol: str = Field(max_length=32, examples=["AAPL"])
    side: Side | None = Field(None, examples=["buy"], description="Both sides when it is left out.")
    min_price: float | None = Field(None, gt=0, examples=[187.00], description="A multiple of the tick size.")
    max_price: float | None = Field(None, gt=0, examples=[188.00], description="A multiple of the tick size.")


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
    terms: Terms | None = Field(None, description="What a special order asked for; null for a plain one.")


class ChangeView(BaseModel):
    """What became of an order after a cancel, a reduction or a modification, which alone may trade."""

    order_id: int = Field(examples=[42])
    status: Literal["cancelled", "reduced", "modified", "pending"]
    price: float | None = Field(None, examples=[187.30], description="The price of a modified order.")
    cancelled_quantity: float | None = Field(None, examples=[40])
    filled_quantity: float | None = Field(None, examples=[0], description="What a modified order traded at once.")
    average_price: float | None = Field(None, examples=[187.29])
    remaining_quantity: float | None = Field(None, examples=[0])
    fills: list[FillView] | None = None
    seq: int | None = Field(
        None, examples=[44], description="The journal's position of the change: a book of this `seq` or more shows it."
    )


class CancelledOrder(BaseModel):
    """An order that was cancelled, and what was left of it."""

    order_id: int = Field(examples=[42])
    quantity: float = Field(examples=[40])


class MassCancelView(BaseModel):
    """What a mass cancel did; when it is `pending`, the same request again says what is left."""

    symbol: str = Field(examples=["AAPL"])
    status: Literal["cancelled", "pending"]
    count: int | None = Field(None, examples=[1], description="How many orders were cancelled.")
    orders: list[CancelledOrder] = Field(default_factory=list)


class Level(BaseModel):
    """One price of the book and what rests there."""

    price: float = Field(examples=[187.25])
    quantity: float = Field(examples=[300])


class IndicationView(BaseModel):
    """What an auction would do if it ended now."""

    price: float = Field(examples=[187.25], description="The one price of all its trades.")
    volume: float = Field(examples=[1200], description="How much would trade.")
    imbalance: float = Field(
        examples=[-300], description="How much more would be bought at that price; negative when more would be sold."
    )

    @classmethod
    def of(cls, book: BookUpdate) -> IndicationView | None:
        """Return what a book's auction would do; None when nothing would trade, or none is on."""
        if book.indicative_price is None:
            return None
        return cls(price=book.indicative_price, volume=book.indicative_volume, imbalance=book.imbalance)


class BookView(BaseModel):
    """Depth, best price first; `seq` is the journal's position that it shows (0 before the first order).

    While an auction gathers orders both sides may cross.
    """

    symbol: str = Field(examples=["AAPL"])
    seq: int
    ts: int = Field(description="Nanoseconds since 1970 of the command behind `seq`.")
    bids: list[Level]
    asks: list[Level]
    phase: Phase = Field("continuous", description="What may happen to it.")
    indication: IndicationView | None = Field(None, description="Null when nothing would trade in an auction now.")


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
