"""The one event type of every order flow, and the state of a book beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cift.core.messages import Side

Kind = Literal["add", "reduce", "cancel", "execute", "hidden", "halt"]
Levels = tuple[tuple[float, float], ...]


class OrderFlowError(ValueError):
    """A file that is not the order flow it should be; the message names file, line and field."""


@dataclass(frozen=True, slots=True)
class FlowEvent:
    """Something that happened to one resting order.

    `side` and `price` are that order's; `time_ns` counts from midnight of the trading day (from the start, when
    generated). `execute` means that somebody took `quantity` of it; `hidden` trades and `halt`s leave the visible book
    as it was. For a `halt` the other fields mean nothing.
    """

    time_ns: int
    kind: Kind
    order_id: int
    side: Side
    price: float
    quantity: float


@dataclass(frozen=True, slots=True)
class BookRow:
    """A book's best levels as `(price, quantity)`, best first; `depth` is how many a row has room for."""

    bids: Levels
    asks: Levels
    depth: int
