"""The questions whose answer is rows as they were stored: trades, fills, books, positions, indicators, accounts."""

from __future__ import annotations

from abc import ABC, abstractmethod

import polars as pl

from cift.core.clickhouse.bars import Instant, Query, bars_query, seconds_of
from cift.core.clickhouse.connection import Params
from cift.core.clickhouse.selection import (
    ACCOUNTS,
    BOOKS,
    EXECUTIONS,
    FEATURES,
    INDICATORS,
    POSITIONS,
    STRATEGIES,
    TICKS,
    check_user,
    rows_query,
)

_TOOK_OR_MADE = "(t.taker_user_id = {user:UInt64} OR t.maker_user_id = {user:UInt64})"


class Asking(ABC):
    """Something that can be asked in SQL."""

    @abstractmethod
    async def query(self, sql: str, params: Params | None = None) -> pl.DataFrame:
        """Run a query and return its rows."""

    async def _ask(self, query: Query) -> pl.DataFrame:
        return await self.query(query.sql, query.params)


class History(Asking):
    """Rows of [start, end), oldest first, as polars frames with the table's columns.

    Moments are datetimes (UTC when naive) or nanoseconds since 1970; `limit` is how many rows at most. Every call
    raises ValueError, before anything is sent, for a moment, symbol or number that can't be one.
    """

    async def get_bars(self, symbol: str, interval: str, start: Instant, end: Instant) -> pl.DataFrame:
        """Return the bars that begin in [start, end), oldest first; minutes without a trade have none.

            df = await ch.get_bars("AAPL", "1m", start_time, end_time)

        Columns: ts (Datetime ms UTC, start of the bar), symbol, open, high, low, close, volume, vwap (Float64) and
        trades (UInt64). `interval` is one of INTERVALS.
        """
        return await self._ask(bars_query(symbol, interval, start, end))

    async def get_ticks(self, symbol: str, start: Instant, end: Instant, *, limit: int | None = None) -> pl.DataFrame:
        """Return trades as the market saw them.

            df = await ch.get_ticks("AAPL", start_time, end_time, limit=1000)

        Columns: ts (Datetime ns UTC), symbol, price, quantity (Float64), side (of the taker: buy, sell, unknown), seq,
        pos and stream_seq.
        """
        return await self._ask(rows_query(TICKS, start, end, symbol=symbol, limit=limit))

    async def get_executions(
        self, symbol: str | None, start: Instant, end: Instant, *, user_id: int | None = None, limit: int | None = None
    ) -> pl.DataFrame:
        """Return fills, each once, of one symbol or of all (None); with `user_id` those where he took or made.

        Columns: stream_seq, command_seq, pos, ts, symbol, side (of the taker), price, quantity, notional and, for taker
        and maker, order_id and user_id.
        """
        where, more = ("", {}) if user_id is None else (_TOOK_OR_MADE, {"user": check_user(user_id)})
        return await self._ask(rows_query(EXECUTIONS, start, end, symbol=symbol, limit=limit, where=where, more=more))

    async def get_order_book_snapshots(
        self, symbol: str, start: Instant, end: Instant, *, limit: int | None = None
    ) -> pl.DataFrame:
        """Return a symbol's depth over time.

        Columns: ts, symbol, seq, and lists of Float64, best first: bid_prices, bid_quantities, ask_prices,
        ask_quantities.
        """
        return await self._ask(rows_query(BOOKS, start, end, symbol=symbol, limit=limit))

    async def get_position_history(
        self, user_id: int, start: Instant, end: Instant, *, symbol: str | None = None, limit: int | None = None
    ) -> pl.DataFrame:
        """Return what an account held after each of its fills.

        Columns: ts, account_id, symbol, stream_seq, quantity (negative when short), average_price, realized_pnl (since
        the start), unrealized_pnl and mark_price (the price of that fill).
        """
        user = check_user(user_id)
        return await self._ask(rows_query(POSITIONS, start, end, account_id=user, symbol=symbol, limit=limit))

    async def get_indicators(
        self,
        symbol: str,
        start: Instant,
        end: Instant,
        *,
        interval: str | None = None,
        indicator: str | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Return technical indicators, one value a row, of one bar length and one name (such as "sma(20)") if given.

        Columns: ts (Datetime ms UTC, start of the bar), symbol, interval, indicator, value.
        """
        if interval is not None:
            seconds_of(interval)
        return await self._ask(
            rows_query(INDICATORS, start, end, symbol=symbol, interval=interval, indicator=indicator, limit=limit)
        )

    async def get_order_flow_features(
        self, symbol: str, start: Instant, end: Instant, *, window_ms: int | None = None, limit: int | None = None
    ) -> pl.DataFrame:
        """Return what was computed from order flow, of windows of one length if given.

        Columns: ts (end of the window), symbol, window_ms, ofi, vpin, microprice, spread, buy_volume, sell_volume.
        """
        if window_ms is not None and not 0 < window_ms < 2**32:
            raise ValueError(f"window_ms: found {window_ms}, expected milliseconds from 1 to {2**32 - 1}")
        return await self._ask(rows_query(FEATURES, start, end, symbol=symbol, window_ms=window_ms, limit=limit))

    async def get_strategy_performance(
        self,
        strategy: str | None,
        start: Instant,
        end: Instant,
        *,
        user_id: int | None = None,
        period: str | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Return what a strategy, or each of them (None), earned by period ("1h", "1d", ...), of one account if given.

        Columns: ts (end of the period), strategy, account_id, period, pnl, turnover, sharpe (null with too few
        periods), max_drawdown (a fraction of the peak), trades, winning_trades.
        """
        account = None if user_id is None else check_user(user_id)
        return await self._ask(
            rows_query(STRATEGIES, start, end, strategy=strategy, account_id=account, period=period, limit=limit)
        )

    async def get_account_snapshots(
        self, user_id: int, start: Instant, end: Instant, *, limit: int | None = None
    ) -> pl.DataFrame:
        """Return an account over time, amounts as Decimal with 8 places.

        Columns: ts (Datetime ms UTC), account_id, currency, cash, equity, margin_used, realized_pnl, unrealized_pnl
        and leverage (Float64).
        """
        return await self._ask(rows_query(ACCOUNTS, start, end, account_id=check_user(user_id), limit=limit))
