"""The questions whose answer is computed in ClickHouse: positions now, PnL, volume, VWAP, volatility, order flow."""

from __future__ import annotations

import polars as pl

from cift.core.clickhouse.bars import Instant, Query, check_symbol, period, seconds_of, whole_bars
from cift.core.clickhouse.history import Asking
from cift.core.clickhouse.selection import check_limit, check_user

YEAR_S = 365 * 86_400
"""Seconds of a year in a market that never closes; one that does has fewer (252 days of 6.5 hours: 5,896,800)."""

# An account's rows are on one shard of a cluster, a symbol's bars on another: the join is made where it was asked.
_POSITIONS = """
SELECT p.symbol AS symbol, p.quantity AS quantity, p.average_price AS average_price, p.realized_pnl AS realized_pnl,
       if(m.symbol = '', p.mark_price, m.last_price) AS last_price,
       p.quantity * (last_price - p.average_price) AS unrealized_pnl,
       p.quantity * last_price AS notional,
       p.ts AS ts, p.stream_seq AS stream_seq
FROM (
    SELECT toString(h.symbol) AS symbol,
           argMax(h.quantity, h.stream_seq) AS quantity,
           argMax(h.average_price, h.stream_seq) AS average_price,
           argMax(h.realized_pnl, h.stream_seq) AS realized_pnl,
           argMax(if(h.mark_price = 0, h.average_price, h.mark_price), h.stream_seq) AS mark_price,
           argMax(h.ts, h.stream_seq) AS ts,
           max(h.stream_seq) AS stream_seq
    FROM position_history_analytics AS h
    WHERE h.account_id = {user:UInt64} AND ({symbol:String} = '' OR h.symbol = {symbol:String})
    GROUP BY symbol
) AS p
GLOBAL LEFT JOIN (
    SELECT toString(b.symbol) AS symbol, argMaxMerge(b.close) AS last_price
    FROM bars_analytics AS b
    WHERE b.symbol GLOBAL IN (
        SELECT h.symbol FROM position_history_analytics AS h WHERE h.account_id = {user:UInt64}
    )
    GROUP BY symbol
) AS m ON p.symbol = m.symbol
ORDER BY symbol
"""

_LAST_POSITIONS = """
SELECT account_id, toString(p.symbol) AS symbol,
       argMax(p.quantity, p.stream_seq) AS quantity,
       argMax(p.average_price, p.stream_seq) AS average_price,
       argMax(p.realized_pnl, p.stream_seq) AS realized_pnl,
       argMax(p.mark_price, p.stream_seq) AS mark_price,
       toUnixTimestamp64Nano(argMax(p.ts, p.stream_seq)) AS ts,
       max(p.stream_seq) AS stream_seq
FROM position_history_analytics AS p
GROUP BY account_id, symbol
ORDER BY stream_seq
"""

# What was realized in a bucket is what the last fill in it left, less what the last fill before it had.
_PNL = """
SELECT bucket AS ts, symbol, quantity, realized_pnl, unrealized_pnl, fills
FROM (
    SELECT bucket, symbol, quantity, unrealized_pnl, fills,
           realized - lagInFrame(realized, 1, 0.) OVER (
               PARTITION BY symbol ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
           ) AS realized_pnl
    FROM (
        SELECT if(h.ts < fromUnixTimestamp64Nano({first:Int64}, 'UTC'), toDateTime64(0, 3, 'UTC'), {bucket}) AS bucket,
               toString(h.symbol) AS symbol,
               argMax(h.realized_pnl, h.stream_seq) AS realized,
               argMax(h.unrealized_pnl, h.stream_seq) AS unrealized_pnl,
               argMax(h.quantity, h.stream_seq) AS quantity,
               uniqExact(h.stream_seq) AS fills
        FROM position_history_analytics AS h
        WHERE h.account_id = {user:UInt64} AND ({symbol:String} = '' OR h.symbol = {symbol:String})
          AND h.ts < fromUnixTimestamp64Nano({last:Int64}, 'UTC')
        GROUP BY bucket, symbol
    )
)
WHERE bucket > toDateTime64(0, 3, 'UTC')
ORDER BY ts, symbol
"""
_BUCKET = "toDateTime64(toStartOfInterval(h.ts, toIntervalSecond({seconds:UInt32})), 3, 'UTC')"
_ONE_BUCKET = "toDateTime64(fromUnixTimestamp64Nano({first:Int64}, 'UTC'), 3, 'UTC')"

_TOP = """
SELECT toString(b.symbol) AS symbol,
       sum(b.volume) AS volume,
       sum(b.notional) AS notional,
       notional / volume AS vwap,
       sum(b.trades) AS trades
FROM bars_analytics AS b
WHERE b.ts >= toDateTime({start:Int64}, 'UTC') AND b.ts < toDateTime({end:Int64}, 'UTC')
GROUP BY symbol
ORDER BY volume DESC, symbol
LIMIT {limit:UInt64}
"""

_TRADED = """
SELECT {bucket} AS ts, any(toString(t.symbol)) AS symbol,
       {columns}
FROM ticks_analytics AS t
WHERE t.symbol = {symbol:String}
  AND t.ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') AND t.ts < fromUnixTimestamp64Nano({last:Int64}, 'UTC')
GROUP BY ts
ORDER BY ts
"""
_VWAP_COLUMNS = """sum(t.quantity) AS volume,
       sum(t.price * t.quantity) AS notional,
       notional / volume AS vwap,
       count() AS trades"""
_FLOW_COLUMNS = """sumIf(t.quantity, t.side = 'buy') AS buy_volume,
       sumIf(t.quantity, t.side = 'sell') AS sell_volume,
       if(buy_volume + sell_volume = 0, 0., (buy_volume - sell_volume) / (buy_volume + sell_volume)) AS imbalance,
       count() AS trades"""

# A side that is empty has no quantity, at a price beyond all others. Where the sides cross an auction gathers orders:
# nobody quotes these prices to trade at them now, so that such a book is no step.
_QUOTES = """
SELECT {bucket} AS ts, any(book_symbol) AS symbol,
       sum(if(bid >= bid_before, bid_quantity, 0) - if(bid <= bid_before, bid_quantity_before, 0)
           - if(ask <= ask_before, ask_quantity, 0) + if(ask >= ask_before, ask_quantity_before, 0)) AS ofi,
       count() AS steps
FROM (
    SELECT at, book_symbol, bid, bid_quantity, ask, ask_quantity,
           lagInFrame(bid) OVER w AS bid_before, lagInFrame(bid_quantity) OVER w AS bid_quantity_before,
           lagInFrame(ask) OVER w AS ask_before, lagInFrame(ask_quantity) OVER w AS ask_quantity_before,
           row_number() OVER w AS place
    FROM (
        SELECT b.ts AS at, b.seq AS seq, toString(b.symbol) AS book_symbol,
               if(empty(b.bid_prices), -inf, b.bid_prices[1]) AS bid, b.bid_quantities[1] AS bid_quantity,
               if(empty(b.ask_prices), inf, b.ask_prices[1]) AS ask, b.ask_quantities[1] AS ask_quantity
        FROM order_book_snapshots AS b FINAL
        WHERE b.symbol = {symbol:String}
          AND b.ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC')
          AND b.ts < fromUnixTimestamp64Nano({last:Int64}, 'UTC') AND bid < ask
    )
    WINDOW w AS (ORDER BY at, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE place > 1
GROUP BY ts
ORDER BY ts
"""

_VOLATILITY = """
SELECT any(bar_symbol) AS symbol,
       count() AS bars,
       countIf(place > 1) AS returns,
       stddevSampIf(r, place > 1) AS volatility,
       sqrt(sumIf(r * r, place > 1)) AS realized,
       sqrt(avg(pow(log(high / low), 2)) / (4 * log(2))) AS parkinson,
       volatility * sqrt({year:Float64} / {seconds:UInt32}) AS annualized
FROM (
    SELECT bar_symbol, high, low, row_number() OVER w AS place,
           log(close / lagInFrame(close, 1, close) OVER w) AS r
    FROM (
        SELECT toStartOfInterval(b.ts, toIntervalSecond({seconds:UInt32})) AS start,
               any(toString(b.symbol)) AS bar_symbol,
               argMaxMerge(b.close) AS close, max(b.high) AS high, min(b.low) AS low
        FROM bars_analytics AS b
        WHERE b.symbol = {symbol:String}
          AND b.ts >= toDateTime({start:Int64}, 'UTC') AND b.ts < toDateTime({end:Int64}, 'UTC')
        GROUP BY start
    )
    WINDOW w AS (ORDER BY start ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
HAVING bars > 0
"""


class Analytics(Asking):
    """What the rows say: computed by ClickHouse, values bound, answers as polars frames.

    Moments and errors are as in `History`. A period [start, end) of bars is that of those which begin in it.
    """

    async def get_positions(self, user_id: int, *, symbol: str | None = None) -> pl.DataFrame:
        """Return what an account holds now, one row a symbol that it ever traded, by symbol.

        Columns: symbol, quantity (negative when short, 0 when closed), average_price, realized_pnl (since the start),
        last_price (of the market's last trade), unrealized_pnl and notional (at last_price), ts and stream_seq (of the
        account's last fill).
        """
        return await self._ask(Query(_POSITIONS, {"user": check_user(user_id), "symbol": _or_any(symbol)}))

    async def get_last_positions(self) -> pl.DataFrame:
        """Return the last stored row of every position of every account, oldest first, for who goes on from there.

        Columns: account_id, symbol, quantity, average_price, realized_pnl, mark_price, ts (nanoseconds since 1970) and
        stream_seq.
        """
        return await self._ask(Query(_LAST_POSITIONS, {}))

    async def get_user_pnl(
        self, user_id: int, start: Instant, end: Instant, *, interval: str | None = "1d", symbol: str | None = None
    ) -> pl.DataFrame:
        """Return an account's profit and loss by day (or other `interval`) and symbol, where it traded.

        With `interval` None the whole period is one. Columns: ts (Datetime ms UTC, start of the interval), symbol,
        quantity (held after its last fill), realized_pnl (of fills in it), unrealized_pnl (of what was held, at the
        price of its last fill) and fills.
        """
        first, last = period(start, end)
        params: dict[str, int | str] = {"user": check_user(user_id), "symbol": _or_any(symbol)}
        params |= {"first": first, "last": last}
        bucket = _ONE_BUCKET
        if interval is not None:
            bucket = _BUCKET
            params["seconds"] = seconds_of(interval)
        return await self._ask(Query(_PNL.replace("{bucket}", bucket), params))

    async def get_top_symbols_by_volume(self, start: Instant, end: Instant, *, limit: int = 10) -> pl.DataFrame:
        """Return the symbols that traded most in the minutes of the period, most first.

        Columns: symbol, volume (quantity), notional (price x quantity), vwap, trades.
        """
        check_limit(limit)
        return await self._ask(Query(_TOP, {**whole_bars(start, end, 60), "limit": limit}))

    async def get_vwap(self, symbol: str, start: Instant, end: Instant, *, interval: str | None = None) -> pl.DataFrame:
        """Return the volume-weighted average price of the period, to the nanosecond, or of each `interval` in it.

        Columns: ts (Datetime ms UTC, start), symbol, volume, notional, vwap, trades; no row where nothing traded.
        """
        return await self._ask(_traded(_VWAP_COLUMNS, symbol, start, end, interval))

    async def get_order_flow(
        self, symbol: str, start: Instant, end: Instant, *, interval: str | None = "1m"
    ) -> pl.DataFrame:
        """Return what takers bought and sold by `interval`, or in the whole period (None).

        Columns: ts (Datetime ms UTC, start), symbol, buy_volume, sell_volume, imbalance and trades. The imbalance of
        trades is (buy - sell) / (buy + sell), from -1 to 1 (Chordia, Roll, Subrahmanyam 2002).
        """
        return await self._ask(_traded(_FLOW_COLUMNS, symbol, start, end, interval))

    async def get_quote_flow(
        self, symbol: str, start: Instant, end: Instant, *, interval: str | None = "1m"
    ) -> pl.DataFrame:
        """Return the order flow imbalance of the stored books by `interval`, or in the whole period (None).

        Columns: ts (Datetime ms UTC, start), symbol, ofi (a quantity, greater than 0 where more came to the bid) and
        steps (from one book of the period to the next; each counts where its second book is). `ofi` sums the e_n of
        Cont, Kukanov, Stoikov (2014, arXiv 1011.6402), which `cift_core.FastMarketData` has for every change; here
        they are of books that the recorder stores CIFT_RECORDER_BOOK_S apart, but for those of an auction that cross.
        """
        return await self._ask(_bucketed(_QUOTES, "at", symbol, start, end, interval))

    async def get_volatility(
        self, symbol: str, start: Instant, end: Instant, *, interval: str = "1m", year_s: float = YEAR_S
    ) -> pl.DataFrame:
        """Return the volatility of the log returns of the period's bars, as one row; none without a bar.

        Columns: symbol, bars, returns (how many), volatility (sample deviation of a bar's return), realized (root of
        the sum of squared returns: of the whole period; Andersen, Bollerslev 1998), parkinson (of a bar, from highs and
        lows; Parkinson 1980) and annualized (volatility x root of the bars in `year_s` seconds). With fewer than two
        returns volatility and annualized are NaN. `interval` is at least a minute.
        """
        seconds = seconds_of(interval)
        if seconds < 60:
            raise ValueError(f"interval: found {interval!r}, expected a minute (1m) or longer")
        if not 0 < year_s < float("inf"):
            raise ValueError(f"year_s: found {year_s}, expected the seconds of a trading year")
        params: dict[str, int | float | str] = {"symbol": check_symbol(symbol), "seconds": seconds, "year": year_s}
        params |= whole_bars(start, end, seconds)
        return await self._ask(Query(_VOLATILITY, params))


def _or_any(symbol: str | None) -> str:
    return "" if symbol is None else check_symbol(symbol)


def _traded(columns: str, symbol: str, start: Instant, end: Instant, interval: str | None) -> Query:
    return _bucketed(_TRADED.replace("{columns}", columns), "t.ts", symbol, start, end, interval)


def _bucketed(sql: str, moment: str, symbol: str, start: Instant, end: Instant, interval: str | None) -> Query:
    """Return a question of a symbol whose rows, each of a `moment`, are put together by interval."""
    first, last = period(start, end)
    params: dict[str, int | str | float] = {"symbol": check_symbol(symbol), "first": first, "last": last}
    bucket = _ONE_BUCKET
    if interval is not None:
        bucket = _BUCKET.replace("h.ts", moment)
        params["seconds"] = seconds_of(interval)
    return Query(sql.replace("{bucket}", bucket), params)
