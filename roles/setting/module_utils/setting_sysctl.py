"""What the kernel's settings are: as the drop-in files say (persistent) and as `/proc/sys` says (live)."""

from __future__ import annotations

import os
from pathlib import Path

# In the order of precedence that systemd-sysctl has: a file of the same name in an earlier folder hides the later ones.
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")


def normal(value: object) -> str:
    """Return a value as the kernel prints it: words parted by one space (`4096 87380` for `4096\\t87380`)."""
    return " ".join(str(value).split())


def dotted(name: str) -> str:
    """Return a name with dots between its parts, and `/` for a dot inside a part (`eth0.7`), as sysctl.d(5) says."""
    first = next((letter for letter in name if letter in "./"), ".")
    return name.translate(str.maketrans("./", "/.")) if first == "/" else name


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


def persistent(folders: tuple[str, ...] = FOLDERS) -> dict[str, str]:
    """Return `{name: value}` that the next boot will set, last file by name winning."""
    files: dict[str, Path] = {}
    for folder in reversed(folders):
        files.update({path.name: path for path in Path(folder).glob("*.conf")})
    merged: dict[str, str] = {}
    for _, path in sorted(files.items()):
        if path.exists():  # a dangling link hides a vendor's file: that is how one switches it off
            merged.update(parse(path.read_text(encoding="utf-8", errors="replace")))
    return merged


class Kernel:
    """The running kernel's settings below `root` (`/proc/sys`)."""

    def __init__(self, root: str = "/proc/sys") -> None:
        self.root = Path(root)

    def path(self, name: str) -> Path:
        """Return the file of a setting."""
        return self.root / dotted(name).translate(str.maketrans("./", "/."))

    def read(self, name: str) -> str | None:
        """Return the live value, or None where the kernel (or this namespace) has no such setting."""
        try:
            return normal(self.path(name).read_text(encoding="ascii"))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def writable(self, name: str) -> bool:
        """Return whether this process may write it: read-only mounts in containers say no."""
        return os.access(self.path(name), os.W_OK)

    def write(self, name: str, value: str) -> None:
        """Set the live value; raises OSError with the kernel's answer (EINVAL for a value out of range)."""
        self.path(name).write_text(value + "\n", encoding="ascii")


def container() -> str | None:
    """Return the kind of container this host is (`systemd-nspawn`, `docker`, ...), or None on a kernel of its own."""
    for marker in ("/run/systemd/container", "/run/host/container-manager"):
        try:
            return Path(marker).read_text(encoding="ascii").strip() or "container"
        except OSError:
            continue
    return "docker" if Path("/.dockerenv").exists() else None
