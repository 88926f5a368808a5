"""What questions are about: a period [start, end), and a symbol in it. Their parameters are said here, once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from annotated_types import MaxLen
from fastapi import Depends, Query

from cift.api.backend import Backend, Behind
from cift.api.problems import FieldError, Problem, invalid
from cift.core.database import Instrument

_LATEST = 2**32 * 10**9 - 1
_DAY = 86_400 * 10**9

_Start = Annotated[
    int | None,
    Query(ge=0, le=_LATEST, description="Nanoseconds since 1970 (UTC), a day before the end if left out."),
]
_End = Annotated[
    int | None, Query(ge=1, le=_LATEST, description="Nanoseconds since 1970 (UTC), not included; now if left out.")
]


@dataclass(frozen=True, slots=True)
class Period:
    """From `first` up to, and without, `last`: nanoseconds since 1970 (UTC)."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class OfSymbol(Period):
    """An instrument in a period."""

    symbol: str


def known(behind: Backend, symbol: str) -> Instrument:
    """Return the instrument; 404 when there is none of that name."""
    instrument = behind.reference.instrument(symbol)
    if instrument is None:
        raise Problem(404, "unknown_symbol", "No such instrument", "The symbol is not an instrument of this venue")
    return instrument


def _period(start: _Start = None, end: _End = None) -> Period:
    last = time.time_ns() if end is None else end
    first = max(0, last - _DAY) if start is None else start
    if first >= last:
        raise invalid([FieldError(field="end", message="must be after start")])
    return Period(first, last)


InPeriod = Annotated[Period, Depends(_period)]
"""A period with what was left out; 422 when it is empty."""


# In a route whose path names the symbol it is that one, elsewhere a parameter of the query.
def _of_symbol(symbol: Annotated[str, MaxLen(32)], behind: Behind, period: InPeriod) -> OfSymbol:
    known(behind, symbol)
    return OfSymbol(period.first, period.last, symbol)


Asked = Annotated[OfSymbol, Depends(_of_symbol)]
"""A symbol in a period; 404 when there is no such instrument."""
