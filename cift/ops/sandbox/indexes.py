"""Where pip and cargo take packages from on this machine, as they are configured here or as they were built."""

from __future__ import annotations

import importlib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from cift.ops.sandbox.errors import RefusedError

_PIP_NAMES = ("index-url", "extra-index-url", "find-links")


def pip_urls() -> list[str]:
    """Addresses that pip takes packages from: those of its configuration, or else its own built-in ones."""
    settings = _pip_settings()
    urls = [url for _, value in settings for url in value.split() if "://" in url]
    own_index = any(name == "index-url" for name, _ in settings)
    return list(dict.fromkeys(urls if own_index else urls + _pip_builtin()))


def pip_index() -> str:
    """The index that the machine's pip was told to use, or nothing where it uses its own default."""
    return next((value for name, value in reversed(_pip_settings()) if name == "index-url"), "")


def _pip_settings() -> list[tuple[str, str]]:
    """Pip's settings that hold addresses, as pip reads them from files and environment; the strongest comes last."""
    try:
        settings = importlib.import_module("pip._internal.configuration").Configuration(isolated=False)
        settings.load()
        told = [(key.rsplit(".", 1)[-1], str(value)) for key, value in settings.items()]
    except (ImportError, AttributeError, ValueError):  # an environment without pip, or with one from another age
        told = [(name, os.environ.get(f"PIP_{name.upper().replace('-', '_')}", "")) for name in _PIP_NAMES]
    return [(name, value) for name, value in told if name in _PIP_NAMES and value]


def _pip_builtin() -> list[str]:
    """Addresses of the index and of its files that pip's own code has."""
    try:
        default = importlib.import_module("pip._internal.models.index").PyPI
        return [default.simple_url, f"https://{default.file_storage_domain}/"]
    except (ImportError, AttributeError):
        return []


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
