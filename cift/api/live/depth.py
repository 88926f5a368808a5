"""What changed from one state of a book to the next.

The engine publishes the whole depth each time, so that a delta is right whatever was missed in between: it leads from
the state that the readers were told last to this one.
"""

from __future__ import annotations

from cift.api.live.messages import Delta, Levels, indication_of
from cift.core.messages import BookUpdate


def changed(before: Levels, after: Levels) -> Levels:
    """Return the levels of `after` that are new or different, in its order, then those gone with a quantity of 0."""
    known = dict(before)
    new = tuple(level for level in after if known.pop(level[0], None) != level[1])
    return new + tuple((price, 0.0) for price in known)


def delta_of(before: BookUpdate, after: BookUpdate, number: int) -> Delta:
    """Return what leads from `before` to `after`."""
    return Delta(
        symbol=after.symbol,
        number=number,
        seq=after.seq,
        ts=after.ts,
        bids=changed(before.bids, after.bids),
        asks=changed(before.asks, after.asks),
        phase=after.phase,
        indication=indication_of(after),
    )
