"""A table of settings: what a row must have, what it asks for, and whether this host can have it.

A row is data, so that what applies it, what reads it back and what prints it can't drift apart:

* `name`, `kind`, `value` (wanted), `what` (it does), `why`, `source`;
* `unset`: why nothing is wanted where `value` comes out empty (the plan isolates no CPU);
* `reboot`: only the next boot brings it (always so for kernel arguments);
* `needs`: what must be there, else the row is skipped with the reason;
* `effect`: of a kernel argument, the file that shows what the kernel made of it: path, value, form;
* `each`: what the row is repeated for, as items with their values or as a list of items that share one; `{item}` stands
  for it in the name and in the places;
* `value_is`: in words, what a computed value is, for the printed tables;
* `group`: the settings that are tried together when their effect is measured.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from ansible.module_utils.setting_machine import Machine

Setting = dict[str, Any]

# What each kind needs and may have beside the columns that every row has.
KINDS: dict[str, tuple[set[str], set[str]]] = {
    "sysctl": (set(), set()),
    "argument": (set(), {"effect"}),
    "outcome": ({"path", "argument"}, {"form"}),
    "sysfs": ({"path"}, {"cpus", "form", "udev"}),
    "ini": ({"path", "section", "key"}, {"live", "form"}),
    "unit": ({"unit"}, set()),
    "mount": ({"path"}, set()),
    # Not of this module: the role nic's program applies and reads these, also at boot.
    "nic": ({"of", "key"}, {"drivers"}),
}
NEEDED = {"name", "kind", "value", "what", "why", "source"}
OPTIONAL = {"unset", "reboot", "needs", "value_is", "group", "each"}
NEEDS = {
    "path": "a file or pattern that must be there",
    "contains": "a word that the file `path` must have",
    "kernel": "the oldest release that has it",
    "config": "an option of the kernel's configuration",
    "realtime": "false: not under PREEMPT_RT",
    "program": "a program that must be installed",
    "driver": "drivers (patterns) of which `interface` has one",
    "interface": "the network interface whose driver is looked at",
    "absent": "a file or pattern that must not be there",
}
# The kinds that a kernel keeps: a container has its machine's.
OF_THE_KERNEL = {"sysctl", "argument", "outcome", "sysfs"}
UNITS = {"masked", "enabled", "disabled"}
FORMS = {"plain", "cpus", "mask"}


class BadTableError(ValueError):
    """A table that can't be read; the message names the row and what was expected."""


def validate(table: list[Setting]) -> None:
    """Raise BadTableError for the first row that lacks a column, has an unknown one, or is there twice."""
    seen: set[str] = set()
    for number, row in enumerate(table, start=1):
        name = f"row {number} ({row.get('name')})"
        kind = row.get("kind")
        if kind not in KINDS:
            raise BadTableError(f"{name}: kind is {kind!r}, expected one of {', '.join(sorted(KINDS))}")
        needed, optional = KINDS[kind]
        if missing := (NEEDED | needed) - row.keys():
            raise BadTableError(f"{name}: a {kind} row needs {', '.join(sorted(missing))}")
        if unknown := row.keys() - NEEDED - OPTIONAL - needed - optional:
            raise BadTableError(f"{name}: unknown column {', '.join(sorted(unknown))}")
        for text in ("what", "why", "source"):
            if not str(row[text]).strip():
                raise BadTableError(f"{name}: {text} is empty; nobody could judge the setting")
        for need in row.get("needs", []):
            if bad := need.keys() - NEEDS.keys() - {"reason"} or not need:
                raise BadTableError(f"{name}: needs {bad or need}, expected some of {', '.join(NEEDS)}")
        if row.get("form", "plain") not in FORMS:
            raise BadTableError(f"{name}: form is {row['form']!r}, expected one of {', '.join(sorted(FORMS))}")
        if row["name"] in seen:
            raise BadTableError(f"{name}: is there twice; a setting has one row")
        seen.add(row["name"])


def expand(table: list[Setting]) -> list[Setting]:
    """Return the table with a row for every item of `each`; without items one row stays, which asks for nothing."""
    rows: list[Setting] = []
    for row in table:
        if "each" not in row:
            rows.append(row)
            continue
        plain = {column: value for column, value in row.items() if column != "each"}
        items = row["each"] or {}
        for item in items:
            filled = {column: _fill(value, str(item)) for column, value in plain.items()}
            rows.append(filled | ({"value": items[item]} if isinstance(items, dict) else {}))
        if not items:
            rows.append(plain | {"name": row["name"].replace("{item}", "any"), "value": None})
    return rows


def _fill(value: Any, item: str) -> Any:
    if isinstance(value, str):
        return value.replace("{item}", item)
    if isinstance(value, dict):
        return {key: _fill(inner, item) for key, inner in value.items()}
    return [_fill(inner, item) for inner in value] if isinstance(value, list) else value


def override(table: list[Setting], values: dict[str, Any]) -> list[Setting]:
    """Return the table with the inventory's own values; None leaves a setting alone. Unknown names are refused."""
    names = [row["name"] for row in table]
    for name in values:
        if name not in names:
            near = ", ".join(known for known in names if fnmatch.fnmatch(known, f"*{name.split('.')[-1]}*"))
            raise BadTableError(f"override {name!r}: no such setting here, expected one of {near or ', '.join(names)}")
    reason = {"unset": "the inventory leaves it alone"}
    return [
        row | {"value": values[row["name"]]} | (reason if values[row["name"]] is None else {})
        if row["name"] in values
        else row
        for row in table
    ]


def is_set(row: Setting) -> bool:
    """Return whether a row asks for anything; a kernel argument that is false is one that isn't given."""
    return row["value"] not in (None, "", [], {}) and not (row["kind"] == "argument" and row["value"] is False)


def unmet(machine: Machine, row: Setting) -> str | None:
    """Return why this host can't have a setting, None where it can."""
    if not is_set(row):
        return str(row.get("unset") or "nothing is wanted here: the value is empty")
    for need in row.get("needs", []):
        if problem := _missing(machine, need):
            return str(need.get("reason") or problem)
    return None


def _missing(machine: Machine, need: dict[str, Any]) -> str | None:
    pattern = need.get("path")
    if pattern:
        found = machine.glob(pattern)
        if not found:
            return f"{pattern} is not there: this kernel or device doesn't have it"
        if "contains" in need and need["contains"] not in (machine.read(found[0]) or "").split():
            return f"{found[0]} has no {need['contains']}"
    if (pattern := need.get("absent")) and (found := machine.glob(pattern)):
        return f"{found[0]} is there"
    if "kernel" in need and numbers(machine.kernel_release()) < numbers(need["kernel"]):
        return f"the kernel is {machine.kernel_release()}, older than {need['kernel']}"
    if need.get("realtime") is False and machine.realtime():
        return "a PREEMPT_RT kernel doesn't support it"
    if "config" in need:
        text = machine.read(f"/boot/config-{machine.kernel_release()}")
        if text is not None and not re.search(rf"^CONFIG_{need['config']}=[ym]$", text, re.MULTILINE):
            return f"the kernel was built without CONFIG_{need['config']}"
    if "program" in need and machine.program(need["program"]) is None:
        return f"{need['program']} is not installed"
    if "driver" in need:
        driver = driver_of(machine, need["interface"])
        if not any(fnmatch.fnmatch(driver, known) for known in need["driver"]):
            return f"{need['interface']} has the driver {driver}, which doesn't have it"
    return None


def driver_of(machine: Machine, interface: str) -> str:
    """Return the driver of a network interface, `none` for one without a device (a veth, a bridge)."""
    link = machine.path(f"/sys/class/net/{interface}/device/driver")
    return link.resolve().name if link.exists() else "none"


def numbers(release: str) -> tuple[int, ...]:
    """Return a release's leading numbers: (6, 12) of `6.12-amd64`."""
    match = re.match(r"\d+(?:\.\d+)*", str(release))
    return tuple(int(part) for part in match.group().split(".")) if match else ()
