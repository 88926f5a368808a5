"""What the tuning bought: what `cift tune measure` found on each host, and its picture."""

from __future__ import annotations

from pathlib import Path

import msgspec
from markupsafe import Markup

from cift.ops.report.charts import WIDTH, svg, text
from cift.ops.tune.statistics import Gain

_LABEL, _RIGHT, _HEIGHT, _TOP = 320, 150, 26, 26
#: What is bought or lost beyond this part of the figure stands at the edge.
_EDGE = 1.0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group of settings that was tried."""

    name: str


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """What a group bought, by figure; none where it could not be measured."""

    group: Group
    gains: list[Gain]


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """gains-<host>.json: a host's groups, as they were tried at `when`."""

    host: str
    when: str
    groups: list[Bought]

    @property
    def rows(self) -> list[tuple[str, Gain]]:
        """Return every group's every figure."""
        return [(one.group.name, gain) for one in self.groups for gain in one.gains]


def newest_gains(folder: Path) -> list[Tuned]:
    """Return for each host the newest measurement beside a run's folder; what can't be read is left out.

    Settings are tried by a run of their own, and seldom: their folders end in -measure.
    """
    newest: dict[str, Tuned] = {}
    for path in sorted(folder.parent.glob("*-measure/gains-*.json")):
        try:
            found = msgspec.json.decode(path.read_bytes(), type=Tuned)
        except (OSError, msgspec.DecodeError):
            continue
        newest[found.host] = found
    return [newest[host] for host in sorted(newest)]


def gains_chart(tuned: Tuned) -> Markup | None:
    """Draw each difference with its interval as a share of the figure without the settings; None without any."""
    rows = [(group, gain) for group, gain in tuned.rows if gain.without > 0]
    if not rows:
        return None
    middle = (_LABEL + WIDTH - _RIGHT) / 2
    bottom = _TOP + _HEIGHT * len(rows)

    def x(share: float) -> float:
        return middle + max(-_EDGE, min(_EDGE, share)) / _EDGE * (WIDTH - _RIGHT - middle)

    parts = []
    for share in (-1.0, -0.5, 0.5, 1.0):
        parts.append(f'<line class="grid" x1="{x(share):.1f}" x2="{x(share):.1f}" y1="{_TOP - 6}" y2="{bottom}"/>')
        parts.append(text(x(share), 14, f"{share:+.0%}", "axis", anchor="middle"))
    parts.append(f'<line class="goal" x1="{middle:.1f}" x2="{middle:.1f}" y1="{_TOP - 6}" y2="{bottom}"/>')
    kinds = {"bought": "good", "cost": "bad", "no difference": "changed"}
    for index, (group, gain) in enumerate(rows):
        y, kind = _TOP + index * _HEIGHT, kinds[gain.says]
        low, high, at = (x(value / gain.without) for value in (gain.low, gain.high, gain.bought))
        parts.append(text(_LABEL - 12, y + 17, f"{group}: {gain.figure}", "label", anchor="end"))
        parts.append(f'<rect class="{kind}" x="{low:.1f}" y="{y + 11}" width="{max(high - low, 1):.1f}" height="3"/>')
        parts.append(f'<rect class="{kind}" x="{at - 4:.1f}" y="{y + 8}" width="8" height="9" rx="2"/>')
        parts.append(text(WIDTH - 4, y + 17, f"{gain.bought:+.2f} μs", "value", anchor="end"))
    return svg(bottom + 6, f"What the settings bought on {tuned.host}, as a share of each latency", parts)
