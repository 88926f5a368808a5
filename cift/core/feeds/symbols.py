"""Names of instruments, which are the last word of subjects."""

from __future__ import annotations

import re

from cift.core.database import SYMBOL_PATTERN


def check_symbol(symbol: str) -> str:
    """Return a symbol that is one.

    Raises:
        ValueError: it would not be the last word of a subject.
    """
    if not re.match(SYMBOL_PATTERN, symbol):
        raise ValueError(f"symbol: found {symbol!r}, expected up to 32 of A-Z, 0-9, _ and -, such as AAPL")
    return symbol
