"""Market data measures over a million rows, against numpy."""

from __future__ import annotations

from collections.abc import Iterator

from cift.benchmarks import market_data
from cift.benchmarks.core.rows import Row, Target
from cift.benchmarks.core.setting import Setting

TITLE = "Market data over a million rows"
ABOUT = "How many times faster than numpy, both on the same arrays in turns, after both have found the same values."
_VWAP = Target("value", ">=", 2.0)
_ROWS = 1_000_000


def measure(setting: Setting) -> Iterator[Row]:
    """Yield the ratio of each measure."""
    setting.say(TITLE)
    for one in market_data.compare(_ROWS, max(5, setting.passes * setting.rounds)):
        yield Row(
            section=TITLE,
            name=one.name,
            unit="times",
            ours=True,
            operations=_ROWS,
            value=one.ratio,
            note=f"{one.core_us:,.0f} us against {one.numpy_us:,.0f} us",
            targets=[_VWAP] if one.name.startswith("VWAP") else [],
        )
