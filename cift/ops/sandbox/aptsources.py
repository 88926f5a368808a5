"""Apt's sources: both formats read, and Debian's own entries among them turned to another release."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cift.ops.sandbox.errors import RefusedError

APT = Path("/etc/apt")
DEBIAN_COMPONENTS = {"main", "contrib", "non-free", "non-free-firmware"}
DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Source:
    """One entry of apt's sources."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""


def one_line_sources(text: str) -> list[Source]:
    """Entries of a file in the one-line format: `deb [options] uri suite component...`."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)", line)
        if match:
            options = dict(option.split("=", 1) for option in (match[1] or "").split() if "=" in option)
            found.append(Source((match[2],), (match[3],), tuple(match[4].split()), options.get("signed-by", "")))
    return found


def deb822_sources(text: str) -> list[Source]:
    """Enabled binary entries of a file in the deb822 format."""
    found = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0", "off")
        if enabled and "deb" in fields.get("types", "").split():
            found.append(
                Source(
                    tuple(fields.get("uris", "").split()),
                    tuple(fields.get("suites", "").split()),
                    tuple(fields.get("components", "").split()),
                    fields.get("signed-by", ""),
                )
            )
    return found


def read_sources(apt: Path = APT) -> list[Source]:
    """All entries of the machine's apt sources, from both formats."""
    found: list[Source] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if path.is_file() and path.suffix in (".list", ".sources"):
            read = deb822_sources if path.suffix == ".sources" else one_line_sources
            found += read(path.read_text(errors="replace"))
    return found


def debian_sources(sources: Iterable[Source], machine: str, guest: str) -> str:
    """The Debian entries among the machine's sources, turned to another release, in the deb822 format.

    Debian's own are those with a suite of the machine's release, only Debian's components, and no key but Debian's.

    Raises:
        RefusedError: there is none over http(s).
    """
    paragraphs = []
    for source in sources:
        uris = [uri for uri in source.uris if uri.startswith(("http://", "https://"))]
        suites = [
            guest + match[2]
            for suite in source.suites
            if (match := re.fullmatch(rf"({machine}|stable|oldstable)((?:[-/](?:updates|security|backports))?)", suite))
        ]
        own_key = not source.signed_by or "debian-archive" in source.signed_by
        if uris and suites and own_key and source.components and set(source.components) <= DEBIAN_COMPONENTS:
            paragraphs.append(
                f"Types: deb\nURIs: {' '.join(uris)}\nSuites: {' '.join(suites)}\n"
                f"Components: {' '.join(source.components)}\nSigned-By: {DEBIAN_KEYRING}\n"
            )
    if not paragraphs:
        raise RefusedError(
            f"no http(s) entry for Debian's own '{machine}' in {APT}/sources.list or {APT}/sources.list.d; "
            "add one that this machine can reach"
        )
    return "\n".join(dict.fromkeys(paragraphs))
