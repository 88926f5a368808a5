"""The Debian releases that a host can have, and what a host begins with."""

from __future__ import annotations

from collections.abc import Sequence

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


def by_host(words: Sequence[str], release: str) -> dict[str, str]:
    """`["a", "b=12"]` to `{"a": release, "b": "12"}`: each host's release, its own or the one for all.

    Raises:
        RefusedError: a name or a release is missing at a `=`, or a host is named with two releases.
    """
    found: dict[str, str] = {}
    for word in words:
        name, own, wish = word.partition("=")
        if not name or (own and not wish):
            raise RefusedError(f"found '{word}', expected NAME or NAME=RELEASE, such as db-1=12")
        chosen = wish or release
        if codename(found.setdefault(name, chosen)) != codename(chosen):
            raise RefusedError(
                f"host '{name}' is named with Debian {found[name]} and with {chosen}, expected one of them"
            )
    return found


def number(name: str) -> str:
    """`bookworm` to `12`."""
    return next(number for number, known in RELEASES.items() if known == name)
