#!/usr/bin/python3 -B
"""Hold the host against the settings that its roles applied, and say so to Prometheus.

    cift-drift run      cift-drift fresh

`run` reads back every table in /etc/cift/settings (a file for each role, as the roles wrote them when they applied it),
what cift-nic and cift-irq say, and how the isolated CPUs behave; it writes the metrics, and a line to the journal for
each row that is wrong. It changes nothing. `fresh` fails where the metrics are older than three runs should be.
The code is that of the roles' own modules, in the folder `ansible` beside this file. Who only looks leaves nothing
behind, no compiled modules either (-B).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ansible.module_utils import proof_cheap, proof_metrics
from ansible.module_utils.proof_subject import subject
from ansible.module_utils.setting_apply import verified
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_rows import Row, row, shorten
from ansible.module_utils.setting_table import BadTableError, validate


def settings(machine: Machine, folder: str) -> list[Row]:
    """Return the rows of every table that the roles left; one that can't be read is a failed row."""
    found: list[Row] = []
    for path in machine.glob(f"{folder}/*.json"):
        area = Path(path).stem
        try:
            table = json.loads(machine.read(path) or "")
            validate(table)
            rows = verified(machine, table, area)
        except (ValueError, TypeError, KeyError, AttributeError, BadTableError) as error:
            rows = [_broken(path, "a table that can be read", f"{type(error).__name__}: {error}")]
        found += [{"area": area} | one for one in rows]
    return found


def programs(machine: Machine, known: list[dict[str, Any]]) -> list[Row]:
    """Return the rows of the programs that read back by themselves; not in a container, which has no devices."""
    if machine.container():
        return []
    found: list[Row] = []
    for one in known:
        if machine.program(one["argv"][0]) is None:
            continue
        answer = machine.run(*one["argv"])
        try:
            rows = json.loads(answer.stdout)
        except ValueError:
            rows = [_broken(one["argv"][0], "rows", shorten(answer.stderr or answer.stdout or "no message"))]
        found += [{"area": one["area"]} | row for row in rows]
    return found


def _broken(what: str, wanted: str, found: str) -> Row:
    return row(
        {"source": "cift-drift"}, what, wanted, live=found, verdict="fail", why="what can't be read proves nothing"
    )


def run(machine: Machine, known: dict[str, Any]) -> list[Row]:
    """Read everything back, write the metrics and return the rows."""
    started, now = time.monotonic(), time.time()
    rows = settings(machine, known["tables"]) + programs(machine, known["programs"])
    behaviour = proof_cheap.rows(subject(machine, known["known"]), known["window"])
    rows += [{"area": "behaviour"} | one for one in behaviour]
    text = proof_metrics.text(rows, now, time.monotonic() - started)
    proof_metrics.write(machine.path(known["metrics"]), text)
    return rows


def age(machine: Machine, known: dict[str, Any]) -> float | None:
    """Return how many seconds ago the metrics were made, None where there are none."""
    found = re.search(rf"^{proof_metrics.RUN} (\S+)$", machine.read(known["metrics"]) or "", re.MULTILINE)
    return None if found is None else time.time() - float(found.group(1))


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns its exit status, which is 0 for a host that drifted: that is for the metrics to say."""
    parser = argparse.ArgumentParser(description="Hold the host against its settings, for Prometheus.")
    parser.add_argument("what", choices=["run", "fresh"])
    parser.add_argument("--configuration", type=Path, default=Path("/etc/cift/drift.json"))
    parser.add_argument("--root", default="/", help="a folder that stands in for the machine")
    asked = parser.parse_args(arguments)
    try:
        known = json.loads(asked.configuration.read_text())
    except (OSError, ValueError) as error:
        print(f"cift-drift: {asked.configuration}: {error}; expected the file of the role proof", file=sys.stderr)
        return 2
    machine = Machine(asked.root)
    if asked.what == "fresh":
        old, most = age(machine, known), 3 * (float(known["interval"]) + float(known["window"])) + 60
        print(f"{known['metrics']}: " + ("not there" if old is None else f"{old:.0f} s old, at most {most:.0f} s"))
        return 0 if old is not None and old <= most else 1
    wrong = [one for one in run(machine, known) if one["verdict"] in ("fail", "reboot")]
    for one in wrong:
        # The level that journald takes from the line's beginning: warning.
        print(f"<4>{one['area']}, {one['setting']}: wanted {one['wanted']}, found {one['live']} ({one['verdict']})")
    print(f"{len(wrong)} of the host's settings have drifted" if wrong else "every setting is as its role made it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
