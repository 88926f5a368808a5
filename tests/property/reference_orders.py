"""What the slow book is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

END_OF_DAY = 2**64 - 1
END_OF_AUCTION = END_OF_DAY - 1
AUCTIONS = {"ATO": "opening_auction", "ATC": "closing_auction"}


class Refused(Exception):
    """The command is refused; the book is as it was."""


class Fill(NamedTuple):
    price: int
    quantity: int
    maker: int
    maker_user: int
    taker: int
    taker_user: int


@dataclass
class Order:
    """`quantity` is what shows, `reserve` what does not; `display` 0 shows everything."""

    id: int
    side: str
    price: int
    quantity: int
    user: int
    post_only: bool = False
    display: int = 0
    reserve: int = 0
    expires: int = 0

    @property
    def open(self) -> int:
        return self.quantity + self.reserve


@dataclass
class Stop:
    """`order` are the arguments of `add_limit`, or of `add_market`, that it turns into."""

    id: int
    side: str
    user: int
    quantity: int
    trigger: int
    trail: int
    order: tuple[Any, ...]
    expires: int = 0


def end_of_life(tif: str, expires: int) -> int:
    """When an order leaves by itself; 0 is never."""
    return {"DAY": END_OF_DAY, "GTD": expires, "ATO": END_OF_AUCTION, "ATC": END_OF_AUCTION}.get(tif, 0)
