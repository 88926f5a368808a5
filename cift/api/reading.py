"""GET below /api/v1: instruments, the account, its orders and fills; trades and bars of a symbol.

An account's orders and fills are read where the recorder puts them, a moment behind the engine; what an order asked for
is read in the journal.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from cift.api.asked import Asked, known
from cift.api.auth import Reader
from cift.api.backend import Backend, Behind
from cift.api.grid import on_lots
from cift.api.models import Status
from cift.api.paging import Cursor, Limit, following, place
from cift.api.problems import FieldError, described, invalid
from cift.api.reports import (
    AccountView,
    BarsView,
    BarView,
    FillPage,
    InstrumentView,
    OrderPage,
    OrderSummary,
    OwnFillView,
    TradePage,
    TradeView,
)
from cift.api.terms import terms_of
from cift.core.clickhouse.bars import INTERVALS
from cift.core.clickhouse.orders import NEWEST, fills_query, orders_query
from cift.core.clickhouse.trades import trades_query
from cift.core.database import SYMBOL_PATTERN
from cift.core.messages import NewOrder

router = APIRouter(prefix="/api/v1")

LongInterval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "12h", "1d"]
Interval = Literal["1s", "5s", "15s", "30s", LongInterval]
MAX_BARS = 5000
ANY = Annotated[str | None, Query(max_length=32, pattern=SYMBOL_PATTERN.replace(r"\Z", "$"), examples=["AAPL"])]
_READ = (401, 403, 422, 503)


@router.get("/instruments", tags=["reference"], responses=described(401, 403, 503))
async def instruments(behind: Behind, reader: Reader) -> list[InstrumentView]:
    """Return what may be traded, by symbol."""
    return [
        InstrumentView(symbol=each.symbol, tick_size=each.tick_size, lot_size=each.lot_size, state=each.state)
        for each in behind.reference.instruments()
    ]


@router.get("/accounts/me", tags=["reference"], responses=described(401, 403, 503))
async def me(behind: Behind, reader: Reader) -> AccountView:
    """Return whose key this is, and what it may do."""
    name = behind.reference.account_name(reader.account_id)
    return AccountView(account_id=reader.account_id, name=name, scopes=sorted(reader.scopes))


@router.get("/orders", tags=["orders"], responses=described(*_READ))
async def orders(
    behind: Behind,
    reader: Reader,
    state: Annotated[Literal["all", "open"], Query(description="open: what may still trade.")] = "all",
    symbol: ANY = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> OrderPage:
    """Return the account's orders, newest first."""
    (before,) = place(cursor, (NEWEST,))
    query = orders_query(reader.account_id, symbol=symbol or "", open_only=state == "open", before=before, limit=limit)
    rows = await behind.tables.rows(query)
    commands = await asyncio.gather(*(behind.journal.read(row["order_id"]) for row in rows))
    found = [
        _summary(behind, row, command)
        for row, command in zip(rows, commands, strict=True)
        if isinstance(command, NewOrder)
    ]
    if state == "open":  # the table can't tell the money of a notional order from a quantity that is left
        found = [order for order in found if order.remaining_quantity]
    return OrderPage(orders=found, next=following(len(rows) == limit, *(row["order_id"] for row in rows[-1:])))


def _summary(behind: Backend, row: dict[str, Any], command: NewOrder) -> OrderSummary:
    instrument = behind.reference.instrument(command.symbol)
    filled, left = (on_lots(row[name], instrument) for name in ("filled", "remaining"))
    if command.order_type == "notional":  # its quantity is money, and nothing of it ever rests
        left = 0.0
    return OrderSummary(
        order_id=row["order_id"],
        status=_status(row, filled, left),
        symbol=command.symbol,
        side=command.side,
        order_type=command.order_type,
        quantity=command.quantity,
        price=command.price if row["price"] is None else row["price"],
        tif=command.tif,
        client_order_id=command.client_order_id,
        filled_quantity=filled,
        average_price=row["traded"] / row["filled"] if filled else None,
        remaining_quantity=left,
        ts=row["ts"],
        updated_ts=row["updated_ts"],
        reason=row["reason"] or None,
        terms=terms_of(command),
    )


def _status(row: dict[str, Any], filled: float, left: float) -> Status:
    if row["rejected"]:
        return "rejected"
    if left:
        return "partially_filled" if filled else "accepted"
    return "cancelled" if row["cancelled"] or not filled else "filled"


@router.get("/fills", tags=["orders"], responses=described(*_READ))
async def fills(
    behind: Behind, reader: Reader, symbol: ANY = None, cursor: Cursor = None, limit: Limit = 100
) -> FillPage:
    """Return the matches of the account's orders, newest first; one between two of its own is there twice."""
    seq, pos, order = place(cursor, (NEWEST, 0, 0))
    query = fills_query(reader.account_id, symbol=symbol or "", before=(seq, pos, order), limit=limit)
    rows = await behind.tables.rows(query)
    page = [
        OwnFillView(
            order_id=row["order_id"],
            symbol=row["symbol"],
            side=row["side"],
            liquidity=row["liquidity"],
            price=row["price"],
            quantity=row["quantity"],
            ts=row["ts"],
            seq=row["command_seq"],
            pos=row["pos"],
        )
        for row in rows
    ]
    last = [number for row in rows[-1:] for number in (row["command_seq"], row["pos"], row["order_id"])]
    return FillPage(fills=page, next=following(len(rows) == limit, *last))


@router.get("/trades/{symbol}", tags=["market data"], responses=described(*_READ, 404))
async def trades(symbol: str, behind: Behind, reader: Reader, cursor: Cursor = None, limit: Limit = 100) -> TradePage:
    """Return the trades of a symbol, newest first."""
    known(behind, symbol)
    ts, seq, pos = place(cursor, (NEWEST, 0, 0))
    rows = await behind.tables.rows(trades_query(symbol, before=(ts, seq, pos), limit=limit))
    last = [number for row in rows[-1:] for number in (row["ts"], row["seq"], row["pos"])]
    return TradePage(
        symbol=symbol, trades=[TradeView(**row) for row in rows], next=following(len(rows) == limit, *last)
    )


@router.get("/bars/{symbol}", tags=["market data"], responses=described(*_READ, 404))
async def bars(asked: Asked, behind: Behind, reader: Reader, interval: Interval = "1m") -> BarsView:
    """Return the bars that begin in [start, end), oldest first."""
    symbol, first, last = asked.symbol, asked.first, asked.last
    if (last - first) / 1e9 > MAX_BARS * INTERVALS[interval]:
        raise invalid([FieldError(field="start", message=f"must not be more than {MAX_BARS} bars before the end")])
    frame = await behind.tables.ask(lambda clickhouse: clickhouse.get_bars(symbol, interval, first, last))
    return BarsView(
        symbol=symbol,
        interval=interval,
        bars=[
            BarView(**{name: value for name, value in row.items() if name not in ("ts", "symbol")}, ts=ts)
            for row, ts in zip(frame.to_dicts(), frame["ts"].dt.epoch("ns"), strict=True)
        ],
    )
