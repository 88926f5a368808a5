"""Binance's spot streams: what a message is about, and the books and trades that follow from messages.

The format is that of https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams: `depthUpdate`
and `trade` events, alone or as `data` of a combined stream, and the REST answer of /api/v3/depth as a snapshot. The
Rust core reads prices and keeps the book; here it is looked at whose message it is, and whether one is missing.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from cift_core.feeds import BinanceDepth, parse_binance
from cift_core.feeds import FeedError as ParseError

from cift.core.feeds.source import Change, FeedError, Levels, Traded

_MILLISECOND = 1_000_000


class _Head(msgspec.Struct):
    """What tells messages apart; only some have each field."""

    event: str = msgspec.field(name="e", default="")
    symbol: str = msgspec.field(name="s", default="")
    time: int = msgspec.field(name="E", default=0)
    trade: int | None = msgspec.field(name="t", default=None)
    last: int | None = msgspec.field(name="lastUpdateId", default=None)


class _Envelope(msgspec.Struct):
    stream: str = ""
    data: _Head | None = None


class Told(NamedTuple):
    """What became of a message; `missing`: updates or trades before it never came."""

    change: Change | None = None
    missing: bool = False
    repeated: bool = False


class Market:
    """The book and the trades of one symbol, as messages tell them."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._depth = BinanceDepth()
        self._last_trade = 0
        self._time = 0

    @property
    def whole(self) -> bool:
        """Whether the book is known; without a snapshot, or after a gap, it isn't."""
        return self._depth.last_update_id is not None

    def forget(self) -> None:
        """Wait for a new snapshot; updates are kept for it."""
        self._depth.reset()

    def depth(self, levels: int) -> tuple[Levels, Levels] | None:
        """Return the best levels, best first; None while the book isn't known."""
        if not self.whole:
            return None
        bids, asks = self._depth.depth(levels)
        return tuple(bids), tuple(asks)

    def take(self, data: bytes, head: _Head) -> Told:
        """Take one message.

        Raises:
            FeedError: it can't be read; nothing has changed.
        """
        self._time = max(self._time, head.time * _MILLISECOND)
        if head.event == "trade":
            return self._trade(data)
        try:
            counts = self._depth.apply(data)
        except ParseError as error:
            if "are missing" not in str(error):
                raise FeedError(str(error)) from None
            if head.last is not None:
                return Told()  # a snapshot older than the updates that wait for one
            self._depth.reset()
            self._depth.apply(data)
            return Told(missing=True)
        if counts["update"] or counts["snapshot"]:
            return Told(Change(self._time, self._depth.last_update_id or 0, self.symbol))
        return Told(repeated=bool(counts["old"]))

    def _trade(self, data: bytes) -> Told:
        try:
            row = parse_binance(data)["trades"][0]
        except ParseError as error:
            raise FeedError(str(error)) from None
        number = row["trade_id"].item()
        if number <= self._last_trade:
            return Told(repeated=True)
        if not row["quantity"] > 0:
            raise FeedError(f"quantity: found {row['quantity']} in trade {number}, expected a number greater than zero")
        missing = bool(self._last_trade) and number > self._last_trade + 1
        self._last_trade = number
        traded = Traded("sell" if row["buyer_is_maker"] else "buy", row["price"].item(), row["quantity"].item())
        return Told(Change(self._time, number, self.symbol, (traded,), touched=False), missing=missing)


_heads = msgspec.json.Decoder(_Envelope)
_alone = msgspec.json.Decoder(_Head)


def head_of(data: bytes) -> tuple[_Head, str]:
    """Return what tells a message apart, and the symbol that it is about ("" when it doesn't say).

    Raises:
        FeedError: it is no JSON object, or a field that tells isn't of its kind.
    """
    try:
        envelope = _heads.decode(data)
        head = envelope.data or _alone.decode(data)
    except msgspec.MsgspecError as error:
        raise FeedError(f"{error}; expected a message of Binance's spot streams") from None
    return head, head.symbol or envelope.stream.partition("@")[0].upper()
