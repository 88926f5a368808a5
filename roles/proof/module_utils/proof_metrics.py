"""Rows of a verify report as Prometheus metrics, in the text format that node_exporter's textfile collector reads."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ansible.module_utils.setting_rows import Row

VERDICTS = ("pass", "fail", "skip", "reboot")
NAME = "cift_setting_ok"
RUN = "cift_settings_last_run_timestamp_seconds"


def text(rows: Iterable[Row], when: float, seconds: float) -> str:
    """Return the metrics of rows that were read at `when` (seconds since 1970) in `seconds`.

    `cift_setting_ok` is 1 for a row that passed, and 0 for one that failed or waits for a reboot. A row that was
    skipped has none, as a series that is neither would make every alert an exception: it is in the counts alone.
    """
    found = list(rows)
    samples: dict[tuple[str, str], int] = {}
    for row in found:
        if row["verdict"] != "skip":
            key = (str(row["area"]), str(row["setting"]))
            samples[key] = min(samples.get(key, 1), int(row["verdict"] == "pass"))
    counts = Counter(row["verdict"] for row in found)
    lines = _head(NAME, "Whether a setting or behaviour of the host is as its roles made it.")
    lines += [
        f'{NAME}{{area="{_label(area)}",setting="{_label(setting)}"}} {value}'
        for (area, setting), value in sorted(samples.items())
    ]
    lines += _head("cift_settings", "Settings and behaviours by verdict; skip is what this host can't have.")
    lines += [f'cift_settings{{verdict="{verdict}"}} {counts[verdict]}' for verdict in VERDICTS]
    lines += [*_head(RUN, "When they were last read back."), f"{RUN} {when:.3f}"]
    lines += [
        *_head("cift_settings_duration_seconds", "How long that took."),
        f"cift_settings_duration_seconds {seconds:.3f}",
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} gauge"]


def _label(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def write(path: Path, metrics: str) -> None:
    """Put the metrics in place, whole or not at all: the collector may read at any moment."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        draft.write(metrics)
    try:
        Path(draft.name).chmod(0o644)
        os.replace(draft.name, path)  # noqa: PTH105 - of a name, which stays valid if this fails
    except OSError:
        Path(draft.name).unlink(missing_ok=True)
        raise
