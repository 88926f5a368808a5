"""Where order flow is played to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from cift.core.messages import Side

Levels = tuple[tuple[float, float], ...]
Book = tuple[Levels, Levels]


class ReplayError(Exception):
    """The replay can't start or go on; the message says what was found, what was expected and what to do."""


class RefusedError(Exception):
    """The target refused one command; the replay counts it and goes on."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What an order took from one resting order."""

    maker_id: int
    price: float
    quantity: float


@dataclass(frozen=True, slots=True)
class Placed:
    """An order's id at the target, and what it took on arrival."""

    order_id: int
    taken: tuple[Taken, ...]


class Target(Protocol):
    """A book that takes commands; every call returns when its outcome is known."""

    name: str
    symbol: str

    def place(self, side: Side, price: float, quantity: float, tif: Literal["GTC", "IOC"]) -> Placed:
        """Place a limit order. RefusedError when the target says no."""

    def reduce(self, order_id: int, by: float) -> None:
        """Take `by` off a resting order. RefusedError when the target says no."""

    def cancel(self, order_id: int) -> None:
        """Cancel a resting order. RefusedError when the target says no."""

    def book(self, depth: int, wanted: Callable[[Book], bool]) -> Book:
        """Return bids and asks as `(price, quantity)`, best first; may wait a while for the `wanted` one."""
