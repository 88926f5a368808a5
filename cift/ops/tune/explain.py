"""One setting explained: what it does, its value now and the one that is wanted, why, and who says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cift.ops.report.model import Check, HostChecks
from cift.ops.report.reading import read_json
from cift.ops.rooms import room
from cift.ops.tune.catalogue import Entry


def here(entry: Entry, machine: Any = None) -> list[tuple[str, str]]:
    """Return the lines of a setting as this machine has it: name and text of each."""
    machine = machine or room("setting", "setting_machine").Machine()
    row = _readable(entry)
    now = room("setting", "setting_kinds").live(machine, row) if row else None
    if now is None:
        now = "nothing to read here" if entry.live else "nothing shows it"
    reason = next((text for need in entry.row.get("needs", []) if (text := _lacks(machine, entry, need))), None)
    lines = [("value now", f"{now}  ({entry.live or 'on this machine'})"), ("wanted", entry.wanted)]
    return lines + ([("skipped here", reason)] if reason else [])


def _lacks(machine: Any, entry: Entry, need: dict[str, Any]) -> str | None:
    if "{{" in str(need):
        return None  # which interface or disk it is about is known in a play alone
    found = room("setting", "setting_table").unmet(machine, entry.row | {"value": "x", "needs": [need]})
    return None if found is None else str(found)


def _readable(entry: Entry) -> dict[str, Any] | None:
    """Return the row with patterns for what only a host's plan says, None where it can't be read without it."""
    row = {name: value for name, value in entry.row.items() if name != "cpus"}
    item = entry.item or "*"
    if "path" in row:
        row["path"] = str(row["path"]).replace("{item}", item).replace("{cpu}", "*")
    if "live" in row:
        row["live"] = {key: str(value).replace("{item}", item) for key, value in row["live"].items()}
    probe = row["live"].get("unit", "") if "live" in row else ""
    if "*" in probe or (row["kind"] == "mount" and "*" in row["path"]):
        return None
    if row["kind"] == "argument" and "{{" in str(row["value"]):
        row["value"] = ""  # the words of that name are shown, whatever is wanted
    return row


def latest_checks(root: Path, inventory: str, host: str) -> HostChecks | None:
    """Return a host's newest verify report of an inventory, None where there is none."""
    found = sorted((root / "reports" / inventory).glob(f"*/verify-{host}.json"), key=lambda path: path.stat().st_mtime)
    return read_json(found[-1], HostChecks) if found else None


def on_host(entry: Entry, checks: HostChecks) -> list[tuple[str, str]]:
    """Return the lines of a setting as a host's verify report has it, a row of the report for each item."""
    lines: list[tuple[str, str]] = []
    for row in checks.rows:
        if row.area == entry.role and _is_of(entry, row.setting):
            lines += _lines(row, checks.when)
    return lines or [("value then", f"the report of {checks.when} has no such row; run cift verify")]


def _is_of(entry: Entry, setting: str) -> bool:
    pattern = str(entry.row["name"]).partition("{item}")
    if entry.item or not pattern[1]:
        return setting == entry.name
    return setting.startswith(pattern[0]) and setting.endswith(pattern[2])


def _lines(row: Check, when: str) -> list[tuple[str, str]]:
    verdict = row.verdict + (f": {row.why}" if row.verdict != "pass" else "")
    return [
        ("setting", row.setting),
        ("value then", f"{row.live if row.live is not None else 'nothing to read'}  (read at {when})"),
        ("for good", str(row.persistent) if row.persistent is not None else "not there"),
        ("wanted", str(row.wanted) if row.wanted is not None else "nothing"),
        ("verdict", verdict),
    ]
