"""Pages of a list, newest first: a cursor is the place of a page's last row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query

from cift.api.problems import FieldError, invalid

_NUMBER = re.compile(r"\d{1,19}")

Cursor = Annotated[
    str | None,
    Query(max_length=80, pattern=r"^[0-9-]+$", description="`next` of the page before; without it the newest rows."),
]
Limit = Annotated[int, Query(ge=1, le=500, description="Rows of a page.")]


def place(cursor: str | None, newest: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of a cursor, as many as `newest` has, which stands for no cursor; 422 when it has others."""
    if cursor is None:
        return tuple(newest)
    parts = cursor.split("-")
    numbers = [int(part) for part in parts if _NUMBER.fullmatch(part)]
    if not len(numbers) == len(parts) == len(newest) or max(numbers) >= 2**63:
        raise invalid([FieldError(field="cursor", message="is none that this list gave")])
    return tuple(numbers)


def following(full: bool, *numbers: int) -> str | None:
    """Return the cursor behind a row with these numbers, None when the page was not full."""
    return "-".join(map(str, numbers)) if full else None
