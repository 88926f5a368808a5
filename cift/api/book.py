"""GET /api/v1/book/{symbol}: depth, from the cache."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Query

from cift.api.asked import known
from cift.api.auth import Reader
from cift.api.backend import Behind
from cift.api.models import BookView, IndicationView, Level
from cift.api.problems import described, unavailable
from cift.core.cache import CacheUnavailableError

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/v1", tags=["market data"])

Depth = Annotated[int, Query(ge=1, le=1000, description="Levels of each side.")]


@router.get("/book/{symbol}", responses=described(401, 403, 404, 422, 503))
async def get_book(symbol: str, behind: Behind, reader: Reader, depth: Depth = 10) -> BookView:
    """Return the book as the recorder last stored it; a symbol without orders has empty sides."""
    known(behind, symbol)
    try:
        book = await behind.cache.get_book(symbol)
    except CacheUnavailableError as error:
        log.warning("book %s: %s", symbol, error)
        raise unavailable("The cache", "Books can't be read now; try again") from None
    if book is None:
        return BookView(symbol=symbol, seq=0, ts=0, bids=[], asks=[])
    return BookView(
        symbol=symbol,
        seq=book.seq,
        ts=book.ts,
        bids=[Level(price=price, quantity=quantity) for price, quantity in book.bids[:depth]],
        asks=[Level(price=price, quantity=quantity) for price, quantity in book.asks[:depth]],
        phase=book.phase,
        indication=IndicationView.of(book),
    )
