"""How this machine gets its packages: its apt sources, its pip and cargo configuration, its proxy, its own CAs.

Everything that the sandbox hands to its hosts, and everything that its proxy lets through, is read from here: no name
of a mirror or a registry is written down in this program.
"""

from __future__ import annotations

import importlib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cift.ops.sandbox.commands import run
from cift.ops.sandbox.errors import RefusedError

APT = Path("/etc/apt")
OWN_CERTIFICATES = Path("/usr/local/share/ca-certificates")
DEBIAN_COMPONENTS = {"main", "contrib", "non-free", "non-free-firmware"}
DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Settings of apt that belong to the way to the mirror (a mirror frozen in time, a slow line), not to the machine.
APT_WAY = ("Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Max-FutureTime", "Acquire::Retries")


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


def apt_sources(apt: Path = APT) -> list[Source]:
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


def release_of_machine(path: Path = Path("/etc/os-release")) -> str:
    """The machine's own release name, `bookworm` for example."""
    match = re.search(r'^VERSION_CODENAME="?([^"\n]*)', path.read_text() if path.exists() else "", re.MULTILINE)
    return match[1] if match else ""


def apt_settings() -> dict[str, str]:
    """Apt's configuration below `Acquire`: name to value."""
    dump = run(["apt-config", "dump", "--format", "%f\t%v%n", "Acquire"]).stdout
    return dict(line.split("\t", 1) for line in dump.splitlines() if "\t" in line)


def pip_urls(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Addresses that pip takes packages from here: from its configuration, or else its own built-in ones."""
    names = ("index-url", "extra-index-url", "find-links")
    settings: list[tuple[str, str]] = [
        (name, environ.get(f"PIP_{name.upper().replace('-', '_')}", "")) for name in names
    ]
    try:
        configuration = importlib.import_module("pip._internal.configuration").Configuration(isolated=False)
        configuration.load()
        settings += [(key.rsplit(".", 1)[-1], str(value)) for key, value in configuration.items()]
        default = importlib.import_module("pip._internal.models.index").PyPI
        builtin = [default.simple_url, f"https://{default.file_storage_domain}/"]
    except (ImportError, AttributeError, ValueError):  # an environment without pip, or one from another age
        builtin = []
    urls = [url for name, value in settings if name in names for url in value.split() if "://" in url]
    own_index = any(name == "index-url" and value for name, value in settings)
    return list(dict.fromkeys(urls if own_index else urls + builtin))


def pip_index(environ: Mapping[str, str] = os.environ) -> str:
    """The index that the machine's pip was told to use, or nothing where it uses its own default."""
    if own := environ.get("PIP_INDEX_URL"):
        return own
    try:
        configuration = importlib.import_module("pip._internal.configuration").Configuration(isolated=False)
        configuration.load()
        return next((str(value) for key, value in configuration.items() if key.endswith(".index-url")), "")
    except (ImportError, AttributeError, ValueError):
        return ""


def cargo_urls(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Registries named in the machine's cargo configuration (cargo's built-in one is no concern of the hosts)."""
    home = Path(environ.get("CARGO_HOME") or Path(environ.get("HOME", "/root")) / ".cargo")
    urls = []
    for path in (home / "config.toml", home / "config"):
        if not path.is_file():
            continue
        try:
            settings = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            raise RefusedError(f"{path} is not TOML ({error}); correct it") from error
        urls += [str(source.get("registry", "")) for source in settings.get("source", {}).values()]
        urls += [str(registry.get("index", "")) for registry in settings.get("registries", {}).values()]
        break
    return [url.removeprefix("sparse+") for url in urls if "://" in url]


@dataclass(frozen=True)
class Way:
    """The way from this machine to its packages."""

    urls: tuple[str, ...]
    upstream: str = ""
    direct: tuple[str, ...] = ()
    apt: Mapping[str, str] = field(default_factory=dict)

    @property
    def hosts(self) -> list[tuple[str, int]]:
        """Hosts and ports that packages come from."""
        found = set()
        for url in self.urls:
            parts = urlsplit(url.removeprefix("mirror+"))
            if parts.scheme in ("http", "https") and parts.hostname:
                found.add((parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80)))
        return sorted(found)


def way(environ: Mapping[str, str] = os.environ) -> Way:
    """Read the machine's configuration."""
    apt = apt_settings()
    urls = [uri for source in apt_sources() for uri in source.uris]
    urls += pip_urls(environ) + cargo_urls(environ)
    candidates = (
        apt.get("Acquire::http::Proxy", ""),
        apt.get("Acquire::https::Proxy", ""),
        *(environ.get(name, "") for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")),
    )
    upstream = next((value for value in candidates if value and value != "DIRECT"), "")
    exceptions = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").replace(" ", "").split(",")
    return Way(
        tuple(urls),
        upstream,
        tuple(name for name in exceptions if name),
        {name: value for name, value in apt.items() if name in APT_WAY},
    )


def own_certificates() -> list[Path]:
    """Certificates of authorities that this machine trusts beyond Debian's own list."""
    return sorted(OWN_CERTIFICATES.rglob("*.crt"))
