"""What the routes that only read answer with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from cift.api.models import OrderType, Status, TimeInForce
from cift.api.terms import Terms
from cift.core.messages import Side

_TS = "Nanoseconds since 1970 (UTC)."
_NEXT = Field(None, description="The cursor of the next page; null on the last one.")


class InstrumentView(BaseModel):
    """What may be traded."""

    symbol: str = Field(examples=["AAPL"])
    tick_size: float = Field(examples=[0.01], description="Prices are multiples of it.")
    lot_size: float = Field(examples=[1], description="Quantities are multiples of it.")
    state: Literal["active", "halted"]


class AccountView(BaseModel):
    """Whose key this is, and what it may do."""

    account_id: int = Field(examples=[1])
    name: str
    scopes: list[str] = Field(examples=[["read", "trade"]])


class OrderSummary(BaseModel):
    """An order as its last recorded event left it."""

    order_id: int = Field(examples=[42])
    status: Status
    symbol: str = Field(examples=["AAPL"])
    side: Side
    order_type: OrderType
    quantity: float = Field(examples=[100], description="What was asked for at first.")
    price: float | None = Field(examples=[187.25], description="The limit, as last modified.")
    tif: TimeInForce | str
    client_order_id: str | None
    filled_quantity: float = Field(examples=[60])
    average_price: float | None = Field(examples=[187.24])
    remaining_quantity: float = Field(examples=[40], description="What may still trade.")
    ts: int = Field(description=f"When it came. {_TS}")
    updated_ts: int = Field(description=f"When anything last happened to it. {_TS}")
    reason: str | None = Field(description="Why it was cancelled, or the code of its rejection.")
    terms: Terms | None = Field(description="What a special order asked for; null for a plain one.")


class OrderPage(BaseModel):
    """Orders, newest first."""

    orders: list[OrderSummary]
    next: str | None = _NEXT


class OwnFillView(BaseModel):
    """One match of one of the account's orders."""

    order_id: int = Field(examples=[42])
    symbol: str = Field(examples=["AAPL"])
    side: Side
    liquidity: Literal["taker", "maker"] = Field(description="Whether the order came in or rested.")
    price: float = Field(examples=[187.25])
    quantity: float = Field(examples=[60])
    ts: int = Field(description=_TS)
    seq: int = Field(description="Journal's sequence of the command that traded; with `pos` the match's identity.")
    pos: int


class FillPage(BaseModel):
    """Fills, newest first."""

    fills: list[OwnFillView]
    next: str | None = _NEXT


class TradeView(BaseModel):
    """One trade as everybody sees it."""

    price: float = Field(examples=[187.25])
    quantity: float = Field(examples=[60])
    side: Literal["buy", "sell", "unknown"] = Field(description="Of the taker.")
    ts: int = Field(description=_TS)
    seq: int
    pos: int


class TradePage(BaseModel):
    """Trades of a symbol, newest first."""

    symbol: str = Field(examples=["AAPL"])
    trades: list[TradeView]
    next: str | None = _NEXT


class BarView(BaseModel):
    """What traded in one interval."""

    ts: int = Field(description=f"Its beginning. {_TS}")
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    trades: int


class BarsView(BaseModel):
    """Bars of a symbol, oldest first; intervals without a trade have none."""

    symbol: str = Field(examples=["AAPL"])
    interval: str = Field(examples=["1m"])
    bars: list[BarView]


class PositionView(BaseModel):
    """What an account holds of a symbol; the formula is at /pnl."""

    symbol: str = Field(examples=["AAPL"])
    quantity: float = Field(examples=[-40], description="Negative when short.")
    average_price: float | None = Field(examples=[187.25], description="Of what is held.")
    mark_price: float | None = Field(examples=[187.30], description="Of the symbol's last trade.")
    notional: float = Field(description="Quantity times mark.")
    realized_pnl: float
    unrealized_pnl: float
    ts: int = Field(description=f"The account's last fill in it. {_TS}")


class PnlView(BaseModel):
    """An account's profit and loss."""

    realized_pnl: float
    unrealized_pnl: float
    total_pnl: float
    symbols: list[PositionView] = Field(description="Every symbol that it ever traded.")


class Span(BaseModel):
    """Of what, and when: [start, end)."""

    symbol: str = Field(examples=["AAPL"])
    start: int = Field(description=_TS)
    end: int = Field(description=_TS)


class VwapView(Span):
    """The volume-weighted average price; null where nothing traded."""

    vwap: float | None
    volume: float
    notional: float
    trades: int


class VolatilityView(Span):
    """Volatilities; null where there are too few bars."""

    interval: str = Field(examples=["1m"])
    bars: int
    returns: int
    volatility: float | None
    realized: float | None
    parkinson: float | None
    annualized: float | None


class FlowView(Span):
    """What takers bought and sold."""

    buy_volume: float
    sell_volume: float
    imbalance: float
    trades: int


class QuoteFlowView(Span):
    """What came to the best bid less what came to the best ask, from each of `steps` books to the next."""

    ofi: float
    steps: int


class DayPnl(BaseModel):
    """What an account's fills of a day did in a symbol."""

    ts: int = Field(description=f"The day's beginning. {_TS}")
    symbol: str = Field(examples=["AAPL"])
    quantity: float = Field(description="Held after the day's last fill.")
    realized_pnl: float
    unrealized_pnl: float = Field(description="Of that, at the price of the last fill.")
    fills: int


class TopSymbol(BaseModel):
    """How much of a symbol traded."""

    symbol: str = Field(examples=["AAPL"])
    volume: float
    notional: float
    vwap: float
    trades: int


class StrategyView(BaseModel):
    """What a strategy earned in a period."""

    ts: int = Field(description=f"The period's end. {_TS}")
    strategy: str
    period: str = Field(examples=["1d"])
    pnl: float
    turnover: float
    sharpe: float | None
    max_drawdown: float
    trades: int
    winning_trades: int
