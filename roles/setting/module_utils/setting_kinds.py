"""Where each kind of setting lives, for good and live, and how it is read and set there."""

from __future__ import annotations

from ansible.module_utils.setting_cpus import cpus_of, format_list, format_mask, parse_list, parse_mask
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_rows import shorten
from ansible.module_utils.setting_sysctl import live_path, normal
from ansible.module_utils.setting_table import Setting


def wanted(row: Setting) -> str:
    """Return a row's value as the place that it lives in would show it."""
    if row["kind"] == "argument":
        return argument(row)
    if row.get("form") in ("cpus", "mask"):
        return format_list(cpus_of(row["value"]))
    if isinstance(row["value"], list):
        return "; ".join(normal(item) for item in row["value"])
    return normal(row["value"])


def argument(row: Setting) -> str:
    """Return the words on the kernel's command line: `skew_tick=1`, or the name alone for a value of true."""
    return str(row["name"]) if row["value"] is True else f"{row['name']}={normal(row['value'])}"


def paths(row: Setting) -> list[str]:
    """Return the kernel files (or patterns) of a sysfs row: one for each of its `cpus`, or the one that it names."""
    if "cpus" not in row:
        return [row["path"]]
    return [row["path"].replace("{cpu}", str(cpu)) for cpu in sorted(cpus_of(row["cpus"] or ""))]


def written(row: Setting) -> str:
    """Return what is written into a kernel file for a row's value."""
    return format_mask(cpus_of(row["value"])) if row.get("form") == "mask" else wanted(row)


def live_place(row: Setting) -> str:
    """Return where the running host shows it; empty where nothing does."""
    kind = row["kind"]
    if kind == "sysctl":
        return live_path(row["name"])
    if kind == "sysfs":
        return str(row["path"])
    if kind == "ini":
        live = row.get("live", {})
        if "file" in live:
            return str(live["file"])
        if "property" in live:
            return f"systemctl show {live['unit']} --property={live['property']}"
        return f"/proc/{live.get('process', 'PID of ' + str(live.get('unit')))}/status" if live else ""
    if kind == "outcome":
        return str(row["path"])
    if kind == "nic":
        return f"cift-nic verify ({row['of']})"
    return {"argument": "/proc/cmdline", "unit": f"systemctl status {row.get('unit')}", "mount": "/proc/mounts"}[kind]


def chosen(text: str) -> str:
    """Return the bracketed word of a kernel file that lists its choices (`always [madvise] never`), else its words."""
    words = text.split()
    return next((word[1:-1] for word in words if word[:1] == "[" and word[-1:] == "]"), " ".join(words))


def live(machine: Machine, row: Setting) -> str | None:
    """Return the value that the running host has, None where there is nothing to read."""
    reader = _LIVE.get(row["kind"])
    return None if reader is None else reader(machine, row)


def _live_sysctl(machine: Machine, row: Setting) -> str | None:
    text = machine.read(live_path(row["name"]))
    return None if text is None else normal(text)


def _live_argument(machine: Machine, row: Setting) -> str | None:
    """The words as they stand on the command line, where a later word of the same name would win."""
    words = (machine.read("/proc/cmdline") or "").split()
    return on_line(words, row)


def on_line(words: list[str], row: Setting) -> str | None:
    """Return what a command line has of a row: its own words where they are the last of their names, or those."""
    own = argument(row).split()
    names = {word.partition("=")[0] for word in own}
    found = [word for word in words if word.partition("=")[0] in names]
    return " ".join(found[-len(own) :]) or None


def effect(machine: Machine, row: Setting) -> str | None:
    """Return how the kernel shows a wrong effect of an argument that its command line has, None where all is well."""
    wants = row.get("effect")
    if not wants or machine.read(wants["path"]) is None:
        return None
    shown = read_file(machine, wants["path"], wants.get("form"))
    good = wanted({"kind": "sysfs", "value": wants["value"], "form": wants.get("form")})
    return None if shown == good else f"{wants['path']} has {shown}, expected {good}"


def read_file(machine: Machine, name: str, form: str | None) -> str | None:
    """Return a kernel file's value: the chosen one of several, CPUs as a list."""
    text = machine.read(name)
    if text is None:
        return None
    try:
        if form == "mask":
            return format_list(parse_mask(text))
        return format_list(parse_list(text)) if form == "cpus" else chosen(text)
    except ValueError:  # `(null)`: the kernel's word for no nohz_full
        return chosen(text)


def _live_sysfs(machine: Machine, row: Setting) -> str | None:
    found = {
        name: read_file(machine, name, row.get("form")) for pattern in paths(row) for name in machine.glob(pattern)
    }
    values = {name: value for name, value in found.items() if value is not None}
    if len(set(values.values())) <= 1:
        return next(iter(values.values()), None)
    return shorten(", ".join(f"{name}: {value}" for name, value in values.items()))


def _live_ini(machine: Machine, row: Setting) -> str | None:
    probe = row.get("live")
    if not probe or ("unit" in probe and not installed(machine, probe["unit"])):
        return None
    if "file" in probe:  # of a device's file the first word: `802.3ad 4`
        return next(iter((machine.read(probe["file"]) or "").split()), "not there")
    if "property" in probe:
        text = _property(machine, probe["unit"], probe["property"])
        if not text and _property(machine, probe["unit"], "ActiveState") == "inactive":
            # A slice without a process has no control group: what counts is what it will be made with.
            text = _property(machine, probe["unit"], row["key"])
    else:
        pid = str(probe.get("process", "")) or _property(machine, probe["unit"], "MainPID") or "0"
        if pid == "0":
            return "not running"
        lines = (machine.read(f"/proc/{pid}/status") or "").splitlines()
        text = next((line.partition(":")[2] for line in lines if line.startswith(f"{probe['field']}:")), "")
    if row.get("form") == "cpus" and text.strip():
        return format_list(parse_list(text))
    return normal(text)


def installed(machine: Machine, unit: str) -> bool:
    """Return whether systemd has the unit; drop-ins alone don't make one, but for slices, which need no file."""
    return _property(machine, unit, "LoadState") not in ("not-found", "")


def _property(machine: Machine, unit: str, name: str) -> str:
    return machine.run("systemctl", "show", unit, f"--property={name}", "--value").stdout.strip()


def _live_unit(machine: Machine, row: Setting) -> str | None:
    """`masked` and `disabled` mean that it doesn't run, `enabled` that it does; else what it does."""
    shown = machine.run("systemctl", "show", row["unit"], "--property=ActiveState", "--value").stdout.strip()
    runs = shown in ("active", "activating", "reloading")
    return str(row["value"]) if runs == (row["value"] == "enabled") else shown


def _live_mount(machine: Machine, row: Setting) -> str | None:
    """The wanted options that the mount of a path has."""
    found = machine.run("findmnt", "--noheadings", "--output", "OPTIONS", "--target", row["path"]).stdout.strip()
    have = found.split(",")
    return wanted(row) if set(wanted(row).split(",")) <= set(have) else found


_LIVE = {
    "sysctl": _live_sysctl,
    "argument": _live_argument,
    "outcome": _live_sysfs,
    "sysfs": _live_sysfs,
    "ini": _live_ini,
    "unit": _live_unit,
    "mount": _live_mount,
}
