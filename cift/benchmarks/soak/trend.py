"""Whether a series goes somewhere: its slope with an interval, robust against single outliers."""

from __future__ import annotations

from math import sqrt

import msgspec
import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]
#: Neighbouring samples say nearly the same: medians of so many stretches of time count as independent.
BLOCKS = 60
_Z95 = 1.96


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """Units an hour: the slope, and the ends of its 95 % interval. `level` is the series' median, in its own unit."""

    level: float
    slope: float
    low: float
    high: float


def trend(hours: Series, values: Series) -> Trend:
    """Return the trend of `values` taken at `hours`.

    The slope is the median of those between all pairs (Theil, 1950), its interval the pairs' slopes at the ranks that
    Kendall's tau gives (Sen, 1968).

    Raises:
        ValueError: fewer than ten samples.
    """
    if len(values) < 10:
        raise ValueError(f"{len(values)} samples are no series; expected ten or more")
    hours, values = _blocks(hours), _blocks(values)
    first, second = np.triu_indices(len(values), 1)
    slopes = np.sort((values[second] - values[first]) / (hours[second] - hours[first]))
    count = len(values)
    spread = _Z95 * sqrt(count * (count - 1) * (2 * count + 5) / 18)
    last = len(slopes) - 1
    low = max(int((len(slopes) - spread) / 2), 0)
    return Trend(
        level=float(np.median(values)),
        slope=float(np.median(slopes)),
        low=float(slopes[low]),
        high=float(slopes[last - low]),
    )


def _blocks(series: Series) -> Series:
    if len(series) <= BLOCKS:
        return series
    return np.array([np.median(part) for part in np.array_split(series, BLOCKS)])
