"""The drop-in files that a table of settings makes for the next boot: each is written whole, and is nobody else's."""

from __future__ import annotations

import re

from ansible.module_utils.setting_kinds import argument, on_line, paths, wanted, written
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_sysctl import normal, persistent
from ansible.module_utils.setting_table import Setting

HEADER = "# Written by Ansible (role setting): changes made here are lost.\n"
GRUB = "/etc/default/grub.d/60-cift.cfg"
BOOT_MENU = "/boot/grub/grub.cfg"
MOUNTS = "/etc/systemd/system/cift-mounts.service"
_MOUNTS_HEAD = """[Unit]
Description=Options of the file systems that the services write to
DefaultDependencies=no
Conflicts=shutdown.target
After=local-fs.target
Before=sysinit.target shutdown.target
ConditionVirtualization=!container

[Service]
Type=oneshot
RemainAfterExit=yes
"""


def place(row: Setting, area: str) -> str:
    """Return the file or unit where a row stands for the next boot."""
    places = {
        "sysctl": f"/etc/sysctl.d/60-cift-{area}.conf",
        "argument": GRUB,
        "outcome": GRUB,
        "sysfs": f"/etc/udev/rules.d/60-cift-{area}.rules" if "udev" in row else f"/etc/tmpfiles.d/60-cift-{area}.conf",
        "ini": str(row.get("path")),
        "unit": f"/etc/systemd/system/{row.get('unit')}",
        "mount": MOUNTS,
        "nic": "/etc/cift/nic.json",
    }
    return places[row["kind"]]


def render(table: list[Setting], area: str) -> dict[str, str]:
    """Return `{path: text}` of all files that the rows make; the rows are those that are wanted here."""
    by_path: dict[str, list[Setting]] = {}
    for row in table:
        # systemd itself keeps whether a unit is masked or enabled; an outcome has its argument's row.
        if row["kind"] not in ("unit", "outcome"):
            by_path.setdefault(place(row, area), []).append(row)
    return {path: HEADER + _TEXTS[rows[0]["kind"]](rows) for path, rows in sorted(by_path.items())}


def standard_files(area: str) -> set[str]:
    """Return the files of an area that go when no row asks for them any more."""
    kinds = ({"kind": "sysctl"}, {"kind": "sysfs"}, {"kind": "sysfs", "udev": ""})
    return {place(row, area) for row in kinds}


def stored(machine: Machine, row: Setting, area: str) -> str | None:
    """Return the value that the next boot will bring, None where nothing says so."""
    kind = row["kind"]
    if kind == "sysctl":
        return persistent(machine).get(row["name"])
    if kind == "unit":
        state = machine.run("systemctl", "is-enabled", row["unit"]).stdout.strip()
        off = row["value"] == "disabled" and state in ("not-found", "", "masked", "static")
        return str(row["value"]) if off else state or "not-found"
    text = machine.read(place(row, area))
    if kind == "outcome":
        asked = text is not None and f" {row['argument']}=" in text
        return wanted(row) if asked or not row["value"] else None
    if text is None:
        return None
    if kind == "argument":
        return _stored_argument(machine, row, text)
    if kind == "ini":
        values = ini(text).get(row["section"], {}).get(row["key"], [])
        repeated = isinstance(row["value"], list) and row.get("form", "plain") == "plain"
        return wanted(row | {"value": values if repeated else " ".join(values)}) or None
    # Lines of our own format: they are there to the letter, or they aren't.
    lines = text.splitlines()
    missing = [line for line in _TEXTS[kind]([row]).splitlines() if line and line not in lines]
    return f"lacks {missing[0]}" if missing else wanted(row)


def _stored_argument(machine: Machine, row: Setting, dropin: str) -> str | None:
    """What the boot menu has where there is one (GRUB reads no drop-ins while booting), else what the drop-in says."""
    menu = machine.read(BOOT_MENU)
    if menu is None:
        match = re.search(r'_DEFAULT (.*)"$', dropin, re.MULTILINE)
        return on_line(match.group(1).split() if match else [], row)
    lines = [line.split() for line in menu.splitlines() if line.lstrip().startswith("linux")]
    found = [on_line(words, row) for words in lines]
    return argument(row) if argument(row) in found else next((text for text in found if text), None)


def ini(text: str) -> dict[str, dict[str, list[str]]]:
    """Return `{section: {key: [value, ...]}}` of a systemd file; a key may stand there several times."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        elif stripped and stripped[0] not in "#;" and "=" in stripped:
            key, _, value = stripped.partition("=")
            found.setdefault(section, {}).setdefault(key.strip(), []).append(value.strip())
    return found


def _sysctl_text(rows: list[Setting]) -> str:
    return "".join(f"{row['name']} = {normal(row['value'])}\n" for row in rows)


def _grub_text(rows: list[Setting]) -> str:
    # _DEFAULT, so that the menu's recovery entries boot without any of it.
    words = " ".join(argument(row) for row in rows)
    return f'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {words}"\n'


def _sysfs_text(rows: list[Setting]) -> str:
    if "udev" in rows[0]:
        return "".join(f"{row['udev']}\n" for row in rows)
    # `w-`: written at boot where the file is; a device without it is no error.
    lines = [f"w- {path} - - - - {written(row)}\n" for row in rows for path in paths(row)]
    return "".join(lines)


def _ini_text(rows: list[Setting]) -> str:
    sections: dict[str, list[str]] = {}
    for row in rows:
        repeated = isinstance(row["value"], list) and row.get("form", "plain") == "plain"
        values = row["value"] if repeated else [wanted(row)]
        sections.setdefault(row["section"], []).extend(f"{row['key']}={normal(value)}\n" for value in values)
    return "\n".join(f"[{name}]\n{''.join(lines)}" for name, lines in sections.items())


def _mount_text(rows: list[Setting]) -> str:
    # The file system that a folder lies on: it need not be mounted there. `$$` is systemd's way to write `$`.
    command = "ExecStart=/bin/sh -c 'mount -o remount,{} \"$$(findmnt -no TARGET --target {})\"'\n"
    commands = "".join(command.format(wanted(row), row["path"]) for row in rows)
    return f"{_MOUNTS_HEAD}{commands}\n[Install]\nWantedBy=sysinit.target\n"


_TEXTS = {
    "sysctl": _sysctl_text,
    "argument": _grub_text,
    "sysfs": _sysfs_text,
    "ini": _ini_text,
    "mount": _mount_text,
}
