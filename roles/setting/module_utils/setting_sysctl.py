"""What the kernel's settings are for good: as the drop-in files say, in the order that systemd-sysctl has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ansible.module_utils.setting_machine import Machine

# In the order of precedence that systemd-sysctl has: a file of the same name in an earlier folder hides the later ones.
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")


def normal(value: object) -> str:
    """Return a value as the kernel prints it: words parted by one space (`4096 87380` for `4096\\t87380`)."""
    return " ".join(str(value).split())


def dotted(name: str) -> str:
    """Return a name with dots between its parts, and `/` for a dot inside a part (`eth0.7`), as sysctl.d(5) says."""
    first = next((letter for letter in name if letter in "./"), ".")
    return name.translate(str.maketrans("./", "/.")) if first == "/" else name


def live_path(name: str) -> str:
    """Return the file of a setting below /proc/sys."""
    return "/proc/sys/" + dotted(name).translate(str.maketrans("./", "/."))


def parse(text: str) -> dict[str, str]:
    """Return `{name: value}` of a sysctl file's text; a leading `-` (ignore errors) is dropped."""
    found = {}
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        name, equals, value = stripped.partition("=")
        if equals:
            found[dotted(name.strip().lstrip("-"))] = normal(value)
    return found


def persistent(machine: Machine) -> dict[str, str]:
    """Return `{name: value}` that the next boot will set, last file by name winning."""
    files: dict[str, str] = {}
    for folder in reversed(FOLDERS):
        files.update({path.rsplit("/", 1)[1]: path for path in machine.glob(f"{folder}/*.conf")})
    merged: dict[str, str] = {}
    for _, path in sorted(files.items()):
        # A dangling link hides a vendor's file: that is how one switches it off.
        merged.update(parse(machine.read(path) or ""))
    return merged
