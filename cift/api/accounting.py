"""GET /api/v1/positions and /pnl: what the account holds, and what it earned."""

from __future__ import annotations

from typing import Any

import polars as pl
from fastapi import APIRouter

from cift.api.auth import Reader
from cift.api.backend import Backend, Behind
from cift.api.grid import on_lots
from cift.api.problems import described
from cift.api.reports import PnlView, PositionView

router = APIRouter(prefix="/api/v1", tags=["account"])


async def _held(behind: Backend, account_id: int) -> list[dict[str, Any]]:
    frame: pl.DataFrame = await behind.tables.ask(lambda clickhouse: clickhouse.get_positions(account_id))
    rows = frame.with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()
    for row in rows:
        row["quantity"] = on_lots(row["quantity"], behind.reference.instrument(row["symbol"]))
        for name in ("last_price", "unrealized_pnl", "notional"):
            row[name] = row[name] if row["quantity"] else 0.0
    return rows


def _view(row: dict[str, Any]) -> PositionView:
    return PositionView(
        symbol=row["symbol"],
        quantity=row["quantity"],
        average_price=row["average_price"] if row["quantity"] else None,
        mark_price=row["last_price"] if row["quantity"] else None,
        notional=row["notional"],
        realized_pnl=row["realized_pnl"],
        unrealized_pnl=row["unrealized_pnl"],
        ts=row["ts"],
    )


@router.get("/positions", responses=described(401, 403, 503))
async def positions(behind: Behind, reader: Reader) -> list[PositionView]:
    """Return what the account holds, by symbol; what it closed is in /pnl."""
    return [_view(row) for row in await _held(behind, reader.account_id) if row["quantity"]]


@router.get("/pnl", responses=described(401, 403, 503))
async def pnl(behind: Behind, reader: Reader) -> PnlView:
    """Return the account's profit and loss since its first fill, by symbol and in sum, by average cost.

    A fill towards the position changes its average price: (average x held + price x quantity) / (held + quantity). One
    against it realizes (price - average) x quantity closed, times -1 for a short position, and leaves the average; what
    goes beyond zero opens at its price. Unrealized is (mark - average) x held, negative held when short, the mark being
    the price of the symbol's last trade. Without fees, in the currency of the prices.
    """
    rows = await _held(behind, reader.account_id)
    realized, unrealized = (sum(row[name] for row in rows) for name in ("realized_pnl", "unrealized_pnl"))
    return PnlView(
        realized_pnl=realized,
        unrealized_pnl=unrealized,
        total_pnl=realized + unrealized,
        symbols=[_view(row) for row in rows],
    )
