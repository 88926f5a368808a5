"""What travels on the WebSocket: JSON objects, tagged by `op` from the client and by `type` to it.

`number` counts the messages of one book, of one symbol's trades or of one account's orders without gaps: who sees
one left out has missed something, and subscribes again. `seq` is the journal's, as everywhere.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from cift.core.messages import (
    Accepted,
    AccountLimitsSet,
    BookUpdate,
    Cancelled,
    KillSwitchSet,
    MassCancelled,
    Modified,
    Phase,
    Reduced,
    Rejected,
    RiskSet,
    Side,
    Trade,
)
from cift.core.serialization import Decoder, MessageError

Channel = Literal["book", "trades", "orders"]
Levels = tuple[tuple[float, float], ...]
MAX_BYTES = 4096
MAX_ECHO = 200


class _Asked(msgspec.Struct, frozen=True, tag_field="op", forbid_unknown_fields=True):
    pass


class Auth(_Asked, frozen=True, tag="auth"):
    """This is my key: the first message of a browser, which can't send it in a header."""

    key: str


class Subscribe(_Asked, frozen=True, kw_only=True, tag="subscribe"):
    """Tell me from now on. `orders` are those of the key's account on all symbols, so it takes no symbol."""

    channel: Channel
    symbol: str | None = None


class Unsubscribe(_Asked, frozen=True, kw_only=True, tag="unsubscribe"):
    """Tell me no more."""

    channel: Channel
    symbol: str | None = None


class Ping(_Asked, frozen=True, tag="ping"):
    """Are you there?"""


class _Told(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


class Pong(_Told, frozen=True, kw_only=True, tag="pong"):
    """The answer to a ping."""


class Error(_Told, frozen=True, kw_only=True, tag="error"):
    """What is wrong with the client's last message; `code` is stable, the field `message` is the whole."""

    code: str
    field: str
    message: str


class Subscribed(_Told, frozen=True, kw_only=True, tag="subscribed"):
    """Messages of this channel follow, from `number` + 1 on."""

    channel: Channel
    symbol: str | None
    number: int


class Unsubscribed(_Told, frozen=True, kw_only=True, tag="unsubscribed"):
    """No more of them."""

    channel: Channel
    symbol: str | None


class Indication(msgspec.Struct, frozen=True, kw_only=True):
    """What an auction would do if it ended now."""

    price: float
    volume: float
    imbalance: float


class _Depth(_Told, frozen=True, kw_only=True, omit_defaults=True):
    symbol: str
    number: int
    seq: int
    ts: int
    bids: Levels
    asks: Levels
    phase: Phase = "continuous"
    """Left out, as is an indication that there is none of."""
    indication: Indication | None = None


class Snapshot(_Depth, frozen=True, kw_only=True, tag="snapshot"):
    """The book's best levels on both sides, best first: forget what was known of it."""


class Delta(_Depth, frozen=True, kw_only=True, tag="delta"):
    """The levels that changed since the message before; a quantity of 0 is gone (or no more among the best)."""


class LiveTrade(_Told, frozen=True, kw_only=True, tag="trade"):
    """One trade, `side` being the taker's."""

    symbol: str
    number: int
    seq: int
    pos: int
    ts: int
    side: Side
    price: float
    quantity: float


class OwnFill(_Told, frozen=True, kw_only=True, tag="fill"):
    """A match as one side of it may see it: its own order and side, and nothing about the other account."""

    symbol: str
    seq: int
    pos: int
    ts: int
    order_id: int
    side: Side
    price: float
    quantity: float
    liquidity: Literal["maker", "taker"]


OwnEvent = (
    Accepted
    | OwnFill
    | Cancelled
    | Reduced
    | Modified
    | MassCancelled
    | Rejected
    | AccountLimitsSet
    | KillSwitchSet
    | RiskSet
)


class OwnOrder(_Told, frozen=True, kw_only=True, tag="order", omit_defaults=True):
    """What became of one of the account's own orders: an event as on EVENTS, or one side of a fill.

    `correlation_id` names the request that brought the order, where the event is of its arrival.
    """

    number: int
    event: OwnEvent
    correlation_id: str = ""


Asked = Auth | Subscribe | Unsubscribe | Ping
_decode: Decoder[Asked] = Decoder("message", Asked)


class RefusedError(Exception):
    """A client's message that can't be followed, with the field at fault."""

    def __init__(self, field: str, message: str, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.error = Error(code=code, field=field, message=message[:MAX_ECHO])


def decode_asked(text: str | None) -> Asked:
    """Return what the client asks; None is a binary message.

    Raises:
        RefusedError: it is none of ours.
    """
    if text is None:
        raise RefusedError("message", "must be text, not binary")
    data = text.encode()
    if len(data) > MAX_BYTES:
        raise RefusedError("message", f"must not exceed {MAX_BYTES} bytes")
    try:
        return _decode(data)
    except MessageError as error:
        # A field that is missing or unknown is named in the problem only.
        named = re.search(r"field `(\w{1,50})`", str(error))
        field = error.field or (named[1] if named else "message")
        raise RefusedError(field, str(error).split(": ", 2)[2]) from None


def trade_of(trade: Trade, number: int) -> LiveTrade:
    """Return the trade as the client sees it."""
    return LiveTrade(
        symbol=trade.symbol, number=number, seq=trade.seq, pos=trade.pos, ts=trade.ts,
        side=trade.side, price=trade.price, quantity=trade.quantity,
    )  # fmt: skip


def snapshot_of(book: BookUpdate, number: int) -> Snapshot:
    """Return the whole of `book`."""
    return Snapshot(
        symbol=book.symbol, number=number, seq=book.seq, ts=book.ts, bids=book.bids, asks=book.asks,
        phase=book.phase, indication=indication_of(book),
    )  # fmt: skip


def indication_of(book: BookUpdate) -> Indication | None:
    """Return what the book's auction would do, None when nothing would trade."""
    if book.indicative_price is None:
        return None
    return Indication(price=book.indicative_price, volume=book.indicative_volume, imbalance=book.imbalance)
