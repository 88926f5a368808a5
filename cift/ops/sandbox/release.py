"""The Debian releases that a host can have, and what a host begins with."""

from __future__ import annotations

from cift.ops.sandbox.errors import RefusedError

RELEASES = {"12": "bookworm", "13": "trixie"}

# What Debian's installer leaves on a server without any task chosen, as far as provisioning can tell.
PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "kmod",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
)


def codename(release: str) -> str:
    """`12` or `bookworm` to `bookworm`.

    Raises:
        RefusedError: not a release that the sandbox knows.
    """
    wanted = release.strip().lower()
    if wanted in RELEASES.values():
        return wanted
    if wanted in RELEASES:
        return RELEASES[wanted]
    known = ", ".join(f"{number} ({name})" for number, name in RELEASES.items())
    raise RefusedError(f"release '{release}' is not known; expected one of {known}")


def number(name: str) -> str:
    """`bookworm` to `12`."""
    return next(number for number, known in RELEASES.items() if known == name)
