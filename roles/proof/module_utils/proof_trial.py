"""Settings tried group by group: with each and without it in turn, measured every time, and given back at the end.

A setting can be tried where a running kernel takes another value (sysctl, sysfs) and another value is known: the one
that the host has now, or the one that it had before it was tuned (/var/lib/cift/before). All others are listed with the
reason. What a trial changes is written down before it is changed, so that the next start gives back what a killed one
left.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils import setting_kinds
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_sysctl import live_path, normal
from ansible.module_utils.setting_table import Setting, is_set, unmet

JOURNAL = "/run/cift-proof/trial.json"
BEFORE = "/var/lib/cift/before/first.json"
Figures = dict[str, float]


@dataclass(frozen=True)
class Change:
    """A kernel file that a trial writes: its text with the setting, without it, and as it was found."""

    setting: str
    path: str
    with_: str
    without: str
    found: str


@dataclass
class Group:
    """Settings that are tried together: what is changed, what can't be tried and why, what only a reboot brings."""

    name: str
    changes: list[Change] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    reboot: list[str] = field(default_factory=list)


def groups(machine: Machine, tables: dict[str, list[Setting]], wanted: list[str]) -> list[Group]:
    """Return the groups of all tables in order; `wanted` names some, none stands for all."""
    known, before = {}, values_before(machine)
    for table in tables.values():
        for row in table:
            name = str(row.get("group") or "none")
            if not wanted or name in wanted:
                _sort(machine, row, known.setdefault(name, Group(name)), before)
    return list(known.values())


def _sort(machine: Machine, row: Setting, group: Group, before: dict[str, str]) -> None:
    name = str(row["name"])
    if not is_set(row):
        group.left[name] = str(row.get("unset") or "nothing is wanted here")
    elif row["kind"] in ("argument", "outcome") or row.get("reboot"):
        group.reboot.append(name)
    elif row["kind"] not in ("sysctl", "sysfs"):
        group.left[name] = _NOT_LIVE.get(row["kind"], f"a setting of kind {row['kind']} is not tried")
    elif reason := unmet(machine, row):
        group.left[name] = reason
    else:
        _change(machine, row, group, before)


_NOT_LIVE = {
    "nic": "cift-nic sets it, and the link would go down at every try",
    "ini": "it takes effect when its unit starts",
    "unit": "a daemon is not started and stopped to measure",
    "mount": "a file system in use is not mounted anew to measure",
}


def _change(machine: Machine, row: Setting, group: Group, before: dict[str, str]) -> None:
    name, changes = str(row["name"]), []
    for path in _paths(machine, row):
        found = machine.read(path)
        if found is None:
            group.left[name] = f"{path} can't be read"
            return
        if not machine.writable(path):
            kind = machine.container()
            group.left[name] = (
                f"container ({kind}): belongs to the machine's kernel" if kind else f"{path} is read-only"
            )
            return
        now, with_ = _value(row, found), setting_kinds.written(row)
        key = f"sysctl:{row['name']}" if row["kind"] == "sysctl" else f"kernel:{path}"
        without = now if not _same(row, now, with_) else before.get(key)
        if without is not None and not _same(row, without, with_):
            changes.append(Change(name, path, with_, without, now))
    if not changes:
        group.left[name] = "the host has it, and no other value is known that it had before"
    group.changes += changes


def _paths(machine: Machine, row: Setting) -> list[str]:
    if row["kind"] == "sysctl":
        return [live_path(row["name"])]
    return [path for pattern in setting_kinds.paths(row) for path in machine.glob(pattern)]


def _value(row: Setting, text: str) -> str:
    return normal(text) if row["kind"] == "sysctl" else setting_kinds.chosen(text)


def _same(row: Setting, one: str, other: str) -> bool:
    """Return whether two texts of a kernel file mean the same: masks have leading zeros or not."""
    if row.get("form") == "mask":
        with contextlib.suppress(ValueError):
            return int(one.replace(",", ""), 16) == int(other.replace(",", ""), 16)
    return normal(one) == normal(other)


def values_before(machine: Machine) -> dict[str, str]:
    """Return the live values that the host had before it was tuned, by `sysctl:name` or `kernel:path`."""
    try:
        data = json.loads(json.loads(machine.read(BEFORE) or "{}").get("data", "{}"))
        return {key: str(text) for key, text in data.get("values", {}).items() if text is not None}
    except (ValueError, AttributeError):
        return {}


def rehearse(machine: Machine, group: Group) -> None:
    """Drop the changes that the kernel doesn't take, with its answer, before anything is measured."""
    kept = []
    for change in group.changes:
        try:
            for text in (change.without, change.with_, change.found):
                machine.write(change.path, text + "\n")
            kept.append(change)
        except OSError as error:
            group.left[change.setting] = f"the kernel refused it: {error.strerror or error}"
            with contextlib.suppress(OSError):
                machine.write(change.path, change.found + "\n")
    group.changes = kept


def give_back(machine: Machine) -> list[str]:
    """Give back what a trial changed, also one that was killed; returns the files."""
    try:
        noted: dict[str, str] = json.loads(machine.read(JOURNAL) or "{}")
    except ValueError:
        noted = {}
    for path, text in noted.items():
        with contextlib.suppress(OSError):
            machine.write(path, text + "\n")
    machine.path(JOURNAL).unlink(missing_ok=True)
    return sorted(noted)


def _note(machine: Machine, group: Group) -> None:
    path = machine.path(JOURNAL)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({change.path: change.found for change in group.changes}))
    partial.replace(path)


def trial(
    machine: Machine, group: Group, runs: int, measure: Callable[[str], Figures], say: Callable[[str], None]
) -> list[dict[str, Figures]]:
    """Measure with a group and without it, `runs` times each in turn, and give back what was there.

    Which comes first changes from run to run, so that a host that warms up favours neither.
    """
    done: list[dict[str, Figures]] = []
    _note(machine, group)
    try:
        for number in range(runs):
            order = ("without", "with") if number % 2 == 0 else ("with", "without")
            pair: dict[str, Figures] = {}
            for side in order:
                for change in group.changes:
                    machine.write(change.path, (change.with_ if side == "with" else change.without) + "\n")
                say(f"{group.name}: {side}, run {number + 1} of {runs}")
                pair[side] = measure(side)
            done.append(pair)
    finally:
        give_back(machine)
    return done


def described(group: Group) -> dict[str, Any]:
    """Return a group as the report has it."""
    tried = {change.setting: f"{change.without} to {change.with_}" for change in group.changes}
    return {"name": group.name, "tried": tried, "left": group.left, "reboot": group.reboot}
