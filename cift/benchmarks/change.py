"""What became of a measured figure between two results."""

from __future__ import annotations

from typing import Literal

import msgspec

Says = Literal["better", "worse", "no difference", "too few runs"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A row's metric before and after (medians of its runs, in `unit`).

    `ratio` is after through before, `p` how often chance alone would part the runs as far. `says` is better or worse
    only where both the medians lie further apart than was tolerated and `p` is small.
    """

    key: str
    section: str
    name: str
    unit: str
    metric: str
    before: float
    after: float
    ratio: float
    p: float
    says: Says
