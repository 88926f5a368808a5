"""`help()` of everything public in the Rust core says something."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import cift_core


def _rooms() -> Iterator[Any]:
    yield cift_core
    for room in pkgutil.iter_modules(cift_core.__path__):
        if not room.name.startswith("_"):
            yield importlib.import_module(f"cift_core.{room.name}")


def _silent() -> Iterator[str]:
    for room in _rooms():
        for name, thing in vars(room).items():
            if name.startswith("_") or not callable(thing):
                continue
            if not inspect.getdoc(thing):
                yield f"{room.__name__}.{name}"
            if inspect.isclass(thing) and thing.__module__.startswith("cift_core"):
                for part, what in vars(thing).items():
                    if not part.startswith("_") and not isinstance(what, int) and not inspect.getdoc(what):
                        yield f"{room.__name__}.{name}.{part}"


def test_every_public_name_has_a_docstring() -> None:
    assert sorted(set(_silent())) == []
