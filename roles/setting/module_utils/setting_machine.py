"""The machine that settings are read from and written to: its files below a root folder, its programs, its kernel."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

# What a container has of its own below /proc/sys and /sys; everything else there belongs to the machine's kernel.
OWN_IN_CONTAINERS = ("/proc/sys/net/", "/sys/class/net/")


class Machine:
    """Files by their names on the machine, found below `root`, so that a folder can stand in for a machine in tests."""

    def __init__(self, root: str = "/") -> None:
        self.root = Path(root)

    def path(self, name: str) -> Path:
        """Return where a file of the machine is."""
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str | None:
        """Return a file's text, or None where it isn't there or can't be read (a device without that feature)."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def write(self, name: str, text: str) -> None:
        """Write a kernel file; raises OSError with the kernel's answer."""
        self.path(name).write_text(text, encoding="utf-8")

    def writable(self, name: str) -> bool:
        """Return whether this host may change a kernel file: it is there, is not read-only, and is the host's own."""
        if self.container() and not name.startswith(OWN_IN_CONTAINERS):
            return False
        return os.access(self.path(name), os.W_OK)

    def glob(self, pattern: str) -> list[str]:
        """Return the machine's names that a pattern matches, sorted."""
        return sorted("/" + str(path.relative_to(self.root)) for path in self.root.glob(pattern.lstrip("/")))

    def program(self, name: str) -> str | None:
        """Return a program's path, looked for in the folders of the administrator's programs as well."""
        return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the C locale (texts are compared); its exit status is the caller's to judge."""
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        return subprocess.run(argv, capture_output=True, text=True, timeout=300, env=environment, check=False)

    def container(self) -> str | None:
        """Return the kind of container this host is (`systemd-nspawn`, `docker`, ...), None on a kernel of its own."""
        for marker in ("/run/systemd/container", "/run/host/container-manager"):
            if (text := self.read(marker)) is not None:
                return text.strip() or "container"
        return "docker" if self.path("/.dockerenv").exists() else None

    def realtime(self) -> bool:
        """Return whether the kernel is a PREEMPT_RT one."""
        return (self.read("/sys/kernel/realtime") or "0").strip() == "1"

    def kernel_release(self) -> str:
        """Return the running kernel's release, such as `6.12.48+deb13-amd64`."""
        return platform.release()
