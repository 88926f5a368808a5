"""What benchmarks with a page in docs/ have in common: sections as modules, and words on what was measured where."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any


def numbered(package: ModuleType) -> dict[str, ModuleType]:
    """Return a package's modules in the order of their numbers, by the names behind them: s1_matching is matching."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name.split("_", 1)[1]: importlib.import_module(f"{package.__name__}.{name}") for name in names}


def machine(hardware: Mapping[str, Any]) -> str:
    """Return a machine in a few words."""
    return f"{hardware['cpu']}, {hardware['cores']} cores, {hardware['memory_gib']} GiB"


def measured_on(
    when: str, load: tuple[float, float], hardware: Mapping[str, Any], versions: Mapping[str, str]
) -> Iterator[str]:
    """Yield the head of a page: when, at which load before and after, on which machine, what."""
    yield f"* Measured: {when}; load average {load[0]:.1f} at the start, {load[1]:.1f} at the end"
    yield f"* Hardware: {machine(hardware)}"
    yield "* Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items())
