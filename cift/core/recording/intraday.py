"""Trades and the tops of books into QuestDB, for charts of the day."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from cift.core.messages import BookUpdate, Trade
from cift.core.nats_manager import NatsManager
from cift.core.questdb import QuestDB
from cift.core.recording.batches import batches
from cift.core.recording.insisting import LAG, ROWS, insist
from cift.core.serialization import MessageError, decode_market_data
from cift.core.stream_reader import Stored, StreamReader
from cift.core.streams import MARKET_DATA

log = logging.getLogger("recorder")

STORE = "questdb"
Row = dict[str, Any]


def tick(stored: Stored) -> list[Row]:
    """Return the row of trades for a trade."""
    trade = decode_market_data(stored.data)
    if not isinstance(trade, Trade):
        return []
    row = {
        "ts": trade.ts,
        "symbol": trade.symbol,
        "price": trade.price,
        "quantity": trade.quantity,
        "side": trade.side,
        "seq": trade.seq,
        "pos": trade.pos,
        "stream_seq": stored.seq,
    }
    return [row]


def top(stored: Stored) -> list[Row]:
    """Return the row of book_top for a book; an empty side has no price."""
    book = decode_market_data(stored.data)
    if not isinstance(book, BookUpdate):
        return []
    nothing = (None, None)
    bid_price, bid_quantity = book.bids[0] if book.bids else nothing
    ask_price, ask_quantity = book.asks[0] if book.asks else nothing
    row = {
        "ts": book.ts,
        "symbol": book.symbol,
        "bid_price": bid_price,
        "bid_quantity": bid_quantity,
        "ask_price": ask_price,
        "ask_quantity": ask_quantity,
        "seq": book.seq,
        "stream_seq": stored.seq,
    }
    return [row]


TABLES: dict[str, tuple[str, Callable[[Stored], list[Row]]]] = {
    "trades": ("market.trades.>", tick),
    "book_top": ("market.book.>", top),
}
"""The tables: of which subjects, and how a message becomes rows."""


class IntradayTap:
    """One subject into one table of QuestDB, whose keys make a repeated row one row."""

    def __init__(self, nats: NatsManager, questdb: QuestDB, table: str) -> None:
        self._nats, self._questdb, self._table = nats, questdb, table
        self._subject, self._to_rows = TABLES[table]

    async def run(self, stop: asyncio.Event) -> None:
        """Go on after the last row stored, until `stop`; what was read by then is stored first."""
        last = 0

        async def find() -> None:
            nonlocal last
            last = await self._questdb.last_stream_seq(self._table)

        await insist(STORE, find)
        log.info("%s: going on after message %d of %s", self._table, last, MARKET_DATA.name)
        async with StreamReader(self._nats, MARKET_DATA.name, start=last + 1, subject=self._subject) as reader:
            async for batch in batches(reader, stop, pace_s=self._nats.settings.recorder_pace_s):
                rows = self._rows(batch)
                await insist(STORE, lambda rows=rows: self._questdb.insert(self._table, rows))  # type: ignore[misc]
                ROWS.labels(self._table).inc(len(rows))
                LAG.labels(self._table).set(reader.lag)

    def _rows(self, batch: Sequence[Stored]) -> list[Row]:
        rows: list[Row] = []
        for stored in batch:
            try:
                rows += self._to_rows(stored)
            except MessageError as error:
                log.error("%s: message %d of %s is left out: %s", self._table, stored.seq, MARKET_DATA.name, error)
        # The first book of an instrument has no time yet: nothing happened in it, and it is of no day.
        return [row for row in rows if row["ts"] > 0]
