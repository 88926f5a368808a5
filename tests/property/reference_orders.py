"""What the slow book is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

END_OF_DAY = 2**64 - 1
END_OF_AUCTION = END_OF_DAY - 1
AUCTIONS = {"ATO": "opening_auction", "ATC": "closing_auction"}
SHOWN, DARK, WHOLE = range(3)


class Refused(Exception):
    """The command is refused; the book is as it was."""


class Fill(NamedTuple):
    price: int
    quantity: int
    maker: int
    maker_user: int
    taker: int
    taker_user: int


class Terms(NamedTuple):
    """How a limit order is to be treated; `display` 0 shows everything, `post_only` is no, reject or reprice."""

    tif: str = "GTC"
    post_only: str = "no"
    display: int = 0
    min_quantity: int = 0
    expires: int = 0
    hidden: bool = False
    whole: bool = False
    reduce_only: bool = False

    @property
    def immediate(self) -> bool:
        return self.tif in ("IOC", "FOK")

    @property
    def rank(self) -> int:
        return WHOLE if self.whole else DARK if self.hidden else SHOWN

    @property
    def end_of_life(self) -> int:
        """When an order leaves by itself; 0 is never."""
        ends = {"DAY": END_OF_DAY, "GTD": self.expires, "ATO": END_OF_AUCTION, "ATC": END_OF_AUCTION}
        return ends.get(self.tif, 0)


class Peg(NamedTuple):
    kind: str
    offset: int
    limit: int | None


@dataclass
class Order:
    """`quantity` is what stands in its queue, `reserve` what an iceberg hides; `rank` says who trades first at a price.

    `number` counts pegged and reduce-only orders as they come to rest. The price of a sleeping peg is None.
    """

    id: int
    side: str
    price: int | None
    quantity: int
    user: int
    post_only: bool = False
    display: int = 0
    reserve: int = 0
    expires: int = 0
    rank: int = SHOWN
    reduce_only: bool = False
    peg: Peg | None = None
    number: int = 0

    @property
    def open(self) -> int:
        return self.quantity + self.reserve

    @property
    def asked(self) -> int:
        """Its price, if it has one."""
        assert self.price is not None
        return self.price

    def terms(self) -> Terms:
        """The terms under which it would come in anew."""
        tif = {0: "GTC", END_OF_DAY: "DAY", END_OF_AUCTION: "ATO"}.get(self.expires, "GTD")
        post_only = "reject" if self.post_only else "no"
        dark, whole = self.rank == DARK, self.rank == WHOLE
        return Terms(tif, post_only, self.display, 0, self.expires, dark, whole, self.reduce_only)


@dataclass
class Stop:
    """`price` None makes it a market order."""

    id: int
    side: str
    user: int
    quantity: int
    trigger: int
    trail: int
    price: int | None
    terms: Terms

    @property
    def expires(self) -> int:
        return self.terms.end_of_life if self.price is not None else 0
