"""Every setting of every role, from the tables that also apply and prove them: roles/<role>/vars/main.yml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cift.ops.rooms import room

_VARIABLE = re.compile(r"\{\{ (\w+) \}\}")


class UnknownSettingError(ValueError):
    """No setting or several have that name; the message lists what was near."""


@dataclass(frozen=True)
class Entry:
    """A row of a role's table. `item` is what stands for `{item}` where one was asked for by name."""

    role: str
    row: dict[str, Any]
    defaults: dict[str, Any]
    item: str | None = None

    @property
    def name(self) -> str:
        """Return the setting's name, `{item}` filled in where it is known."""
        return self.fill(str(self.row["name"]))

    def fill(self, text: str) -> str:
        """Return a text of the row with the item in it, `<item>` where it is not known."""
        return text.replace("{item}", self.item or "<item>").replace("{cpu}", "<cpu>")

    @property
    def wanted(self) -> str:
        """Return the wanted value: the table's, its variable's default, or what computes it, in words."""
        value = self.row["value"]
        if "value_is" in self.row:
            return str(self.row["value_is"])
        if isinstance(value, str) and (found := _VARIABLE.fullmatch(value)):
            return f"{self.defaults.get(found.group(1))} ({found.group(1)})"
        if value is True:
            return "given"
        return ", ".join(map(str, value)) if isinstance(value, list) else self.fill(str(value))

    @property
    def reboot(self) -> bool:
        """Return whether only a reboot brings it."""
        return self.row["kind"] in ("argument", "outcome") or bool(self.row.get("reboot"))

    @property
    def for_good(self) -> str:
        """Return the file or unit where it stands for the next boot."""
        return self.fill(str(room("setting", "setting_files").place(self.row, self.role)))

    @property
    def live(self) -> str:
        """Return where a running host shows it, empty where nothing does."""
        return self.fill(str(room("setting", "setting_kinds").live_place(self.row)))


def read_entries(root: Path) -> list[Entry]:
    """Return all settings of the checkout `root`, role by role in the order of their tables."""
    entries = []
    for path in sorted(root.glob("roles/*/vars/main.yml")):
        role = path.parents[1].name
        table = (yaml.safe_load(path.read_text()) or {}).get(f"__{role}_settings", [])
        defaults = path.parents[1] / "defaults/main.yml"
        known = (yaml.safe_load(defaults.read_text()) or {}) if table and defaults.exists() else {}
        entries += [Entry(role, row, known) for row in table]
    return entries


def find(entries: list[Entry], name: str) -> Entry:
    """Return the setting of that name, of a name with an item filled in, or the only one that has `name` in its own.

    Raises:
        UnknownSettingError: none, or several.
    """
    for entry in entries:
        pattern = re.escape(str(entry.row["name"])).replace(re.escape("{item}"), "(.+)")
        if match := re.fullmatch(pattern, name, re.IGNORECASE):
            return Entry(entry.role, entry.row, entry.defaults, match.group(1) if match.groups() else None)
    near = [entry for entry in entries if name.lower() in str(entry.row["name"]).lower()]
    if len(near) == 1:
        return near[0]
    names = ", ".join(str(entry.row["name"]) for entry in near or entries)
    found = "several settings have that in their names" if near else "no such setting"
    raise UnknownSettingError(f"{name}: {found}; expected one of: {names}")
