"""LOBSTER files: a message file and, row by row, the book after each message.

Messages: time (seconds after midnight), type, order id, size, price in 1/10000, direction (1 buy, -1 sell).
Books: ask price, ask size, bid price, bid size of level 1, then of level 2, ...; an empty level has +-9999999999.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

from cift.core.messages import Side
from cift.core.orderflow.events import BookRow, FlowEvent, Kind, Levels, OrderFlowError

_COLUMNS = ("time", "type", "order id", "size", "price", "direction")
_KINDS: dict[int, Kind] = {1: "add", 2: "reduce", 3: "cancel", 4: "execute", 5: "hidden", 7: "halt"}
_SIDES: dict[int, Side] = {1: "buy", -1: "sell"}
_PRICE_UNITS = 10_000
_EMPTY = 9_999_999_999
_COLUMNS_PER_LEVEL = 4
_DAY_S = 86_400


def read_lobster_messages(path: Path) -> Iterator[FlowEvent]:
    """Read a message file, event by event. OrderFlowError names file, line and field of what is wrong."""
    for line, row in _rows(path):
        if len(row) != len(_COLUMNS):
            raise OrderFlowError(f"{path}:{line}: {len(row)} fields, expected {len(_COLUMNS)} ({', '.join(_COLUMNS)})")
        time_ns = _parse(path, line, "time", row[0], _nanoseconds)
        kind, order_id, size, price, direction = (
            _parse(path, line, name, text, int) for name, text in zip(_COLUMNS[1:], row[1:], strict=True)
        )
        if kind not in _KINDS:
            expected = ", ".join(map(str, _KINDS))
            raise OrderFlowError(f"{path}:{line}: type {kind} is not one of {expected}")
        if direction not in _SIDES:
            raise OrderFlowError(f"{path}:{line}: direction {direction} is neither 1 (buy) nor -1 (sell)")
        if _KINDS[kind] != "halt":
            _need_positive(path, line, {"size": size, "price": price})
        yield FlowEvent(
            time_ns=time_ns,
            kind=_KINDS[kind],
            order_id=order_id,
            side=_SIDES[direction],
            price=price / _PRICE_UNITS,
            quantity=float(size),
        )


def read_lobster_book(path: Path) -> Iterator[BookRow]:
    """Read an orderbook file, row by row. OrderFlowError names file, line and field of what is wrong."""
    for line, row in _rows(path):
        if not row or len(row) % _COLUMNS_PER_LEVEL:
            raise OrderFlowError(f"{path}:{line}: {len(row)} fields, expected {_COLUMNS_PER_LEVEL} for each level")
        numbers = [_parse(path, line, f"column {at}", text, int) for at, text in enumerate(row, 1)]
        yield BookRow(bids=_levels(numbers, 2), asks=_levels(numbers, 0), depth=len(row) // _COLUMNS_PER_LEVEL)


def _levels(numbers: list[int], first: int) -> Levels:
    pairs = zip(numbers[first::_COLUMNS_PER_LEVEL], numbers[first + 1 :: _COLUMNS_PER_LEVEL], strict=True)
    return tuple((price / _PRICE_UNITS, float(size)) for price, size in pairs if abs(price) != _EMPTY)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(newline="") as file:
            yield from enumerate(csv.reader(file), 1)
    except OSError as error:
        raise OrderFlowError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise OrderFlowError(f"{path}: not a CSV file: {error}") from error


def _parse(path: Path, line: int, name: str, text: str, kind: Callable[[str], int]) -> int:
    try:
        return kind(text)
    except (ValueError, InvalidOperation):
        expected = "a whole number" if kind is int else "a number of seconds after midnight"
        raise OrderFlowError(f"{path}:{line}: {name} {text!r} is not {expected}") from None


def _nanoseconds(text: str) -> int:
    seconds = Decimal(text)
    if not (seconds.is_finite() and 0 <= seconds <= _DAY_S):
        raise ValueError(text)
    return int(seconds * 1_000_000_000)


def _need_positive(path: Path, line: int, fields: dict[str, int]) -> None:
    for name, value in fields.items():
        if value <= 0:
            raise OrderFlowError(f"{path}:{line}: {name} {value} must be greater than zero")
