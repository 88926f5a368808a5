"""GET /api/v1/analytics: what ClickHouse computes over a period [start, end), a day up to now if it isn't given."""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query

from cift.api.asked import Asked, InPeriod, OfSymbol
from cift.api.auth import Reader
from cift.api.backend import Behind
from cift.api.problems import FieldError, described, invalid
from cift.api.reading import LongInterval
from cift.api.reports import (
    DayPnl,
    FlowView,
    QuoteFlowView,
    StrategyView,
    TopSymbol,
    VolatilityView,
    VwapView,
)

router = APIRouter(prefix="/api/v1/analytics", tags=["analytics"])

Top = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
MAX_DAYS = 3660
_OF_SYMBOL = described(401, 403, 404, 422, 503)
_OF_ALL = described(401, 403, 422, 503)


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows with times in nanoseconds, and nothing where a number is none."""
    times = [pl.col(name).dt.epoch("ns") for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    floats = [pl.col(name).fill_nan(None) for name, kind in frame.schema.items() if kind == pl.Float64]
    return frame.with_columns(times + floats).to_dicts()


def _span(asked: OfSymbol) -> dict[str, Any]:
    return {"symbol": asked.symbol, "start": asked.first, "end": asked.last}


@router.get("/vwap", responses=_OF_SYMBOL)
async def vwap(asked: Asked, behind: Behind, reader: Reader) -> VwapView:
    """Return the volume-weighted average price: sum of price x quantity over sum of quantity."""
    frame = await behind.tables.ask(lambda clickhouse: clickhouse.get_vwap(asked.symbol, asked.first, asked.last))
    row = (_rows(frame) or [{"vwap": None, "volume": 0, "notional": 0, "trades": 0}])[0]
    return VwapView(**row | _span(asked))


@router.get("/volatility", responses=_OF_SYMBOL)
async def volatility(asked: Asked, behind: Behind, reader: Reader, interval: LongInterval = "1m") -> VolatilityView:
    """Return the volatility of the log returns from each bar that traded to the next.

    `volatility` is their sample deviation, `realized` the root of the sum of their squares, `parkinson` is made of each
    bar's high and low, and `annualized` is the deviation times the root of the intervals in 365 days.
    """
    frame = await behind.tables.ask(
        lambda clickhouse: clickhouse.get_volatility(asked.symbol, asked.first, asked.last, interval=interval)
    )
    nothing = {"bars": 0, "returns": 0, "volatility": None, "realized": None, "parkinson": None, "annualized": None}
    row = (_rows(frame) or [nothing])[0]
    return VolatilityView(**row | _span(asked) | {"interval": interval})


@router.get("/ofi", responses=_OF_SYMBOL)
async def ofi(asked: Asked, behind: Behind, reader: Reader) -> FlowView:
    """Return the imbalance of trades: (bought - sold) / (bought + sold) by takers, from -1 to 1.

    Chordia, Roll, Subrahmanyam 2002; that of quotes is /quote-ofi.
    """
    frame = await behind.tables.ask(
        lambda clickhouse: clickhouse.get_order_flow(asked.symbol, asked.first, asked.last, interval=None)
    )
    row = (_rows(frame) or [{"buy_volume": 0, "sell_volume": 0, "imbalance": 0, "trades": 0}])[0]
    return FlowView(**row | _span(asked))


@router.get("/quote-ofi", responses=_OF_SYMBOL)
async def quote_ofi(asked: Asked, behind: Behind, reader: Reader) -> QuoteFlowView:
    """Return the order flow imbalance of quotes: what came to the best bid less what came to the best ask.

    From each stored book to the next, q is a quantity, P a price, b the bid, a the ask: qb 1(Pb >= Pb before) - qb
    before 1(Pb <= Pb before) - qa 1(Pa <= Pa before) + qa before 1(Pa >= Pa before), summed (Cont, Kukanov, Stoikov
    2014). Books are stored every few seconds: what came and went between two of them is not in it.
    """
    frame = await behind.tables.ask(
        lambda clickhouse: clickhouse.get_quote_flow(asked.symbol, asked.first, asked.last, interval=None)
    )
    row = (_rows(frame) or [{"ofi": 0, "steps": 0}])[0]
    return QuoteFlowView(**row | _span(asked))


@router.get("/pnl-by-day", responses=_OF_ALL)
async def pnl_by_day(period: InPeriod, behind: Behind, reader: Reader) -> list[DayPnl]:
    """Return what the account's fills of each UTC day realized, by symbol, oldest first; /pnl has the formula."""
    if period.last - period.first > MAX_DAYS * 86_400 * 10**9:
        raise invalid([FieldError(field="start", message=f"must not be more than {MAX_DAYS} days before the end")])
    frame = await behind.tables.ask(
        lambda clickhouse: clickhouse.get_user_pnl(reader.account_id, period.first, period.last)
    )
    return [DayPnl(**row) for row in _rows(frame)]


@router.get("/top-symbols", responses=_OF_ALL)
async def top_symbols(period: InPeriod, behind: Behind, reader: Reader, limit: Top = 10) -> list[TopSymbol]:
    """Return the symbols that traded the greatest quantity in whole minutes of the period, most first."""
    frame = await behind.tables.ask(
        lambda clickhouse: clickhouse.get_top_symbols_by_volume(period.first, period.last, limit=limit)
    )
    return [TopSymbol(**row) for row in _rows(frame)]


@router.get("/strategy-performance", responses=_OF_ALL)
async def strategy_performance(
    period: InPeriod,
    behind: Behind,
    reader: Reader,
    strategy: Annotated[str | None, Query(max_length=100, description="All of them if left out.")] = None,
    limit: Top = 100,
) -> list[StrategyView]:
    """Return what the account's strategies earned, as they reported it, oldest first."""
    frame = await behind.tables.ask(
        lambda clickhouse: clickhouse.get_strategy_performance(
            strategy, period.first, period.last, user_id=reader.account_id, limit=limit
        )
    )
    return [StrategyView(**row) for row in _rows(frame)]
