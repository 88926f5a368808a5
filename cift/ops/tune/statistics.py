"""What a group of settings bought: the median of paired differences, and how sure one may be of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Literal

import msgspec
import numpy as np

Says = Literal["bought", "cost", "no difference"]
#: With five pairs even the interval from the least to the greatest difference has the median in 93.75 % of cases only.
LEAST_RUNS = 6


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """A figure without and with a group (medians, us), and the median of the differences with its interval.

    `bought` is positive where the settings made it smaller. `says` is what the interval allows to say: it is on one
    side of zero, or it isn't.
    """

    figure: str
    without: float
    with_: float
    bought: float
    low: float
    high: float
    runs: int
    says: Says


def gain(figure: str, without: Sequence[float], with_: Sequence[float], confidence: float = 0.95) -> Gain:
    """Return what pairs of measurements in us say.

    What disturbed both halves of a pair disturbs no difference. The interval is that of the sign test: the differences
    of rank k and n + 1 - k, with the greatest k that leaves the median out in at most 5 % of cases, whatever the
    distribution (David and Nagaraja, Order Statistics, 7.1). A bootstrap of the median, on so few pairs of skewed
    latencies, misses it in 15 %.

    Raises:
        ValueError: unequal lengths, or fewer than six pairs.
    """
    if len(without) != len(with_) or len(without) < LEAST_RUNS:
        raise ValueError(
            f"{figure}: {len(without)} measurements without and {len(with_)} with, expected {LEAST_RUNS} pairs or more"
        )
    differences = np.asarray(without, dtype=float) - np.asarray(with_, dtype=float)
    rank = _rank(differences.size, confidence)
    ordered = np.sort(differences)
    low, high = float(ordered[rank - 1]), float(ordered[-rank])
    says: Says = "bought" if low > 0 else "cost" if high < 0 else "no difference"
    return Gain(
        figure=figure,
        without=float(np.median(without)),
        with_=float(np.median(with_)),
        bought=float(np.median(differences)),
        low=low,
        high=high,
        runs=int(differences.size),
        says=says,
    )


def _rank(count: int, confidence: float) -> int:
    """Return the greatest rank k from either end that has the median between them with at least that confidence."""
    outside, rank = 0.0, 0
    while rank < count // 2:
        outside += 2 * comb(count, rank) / 2**count
        if outside > 1 - confidence:
            break
        rank += 1
    return max(rank, 1)
