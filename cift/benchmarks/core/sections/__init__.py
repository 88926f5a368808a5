"""The sections, a module each: `TITLE`, `ABOUT` (a line for readers) and `measure(setting)`, which yields rows.

They are measured, and shown, in the order of their modules' names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Protocol, cast

from cift.benchmarks.core.rows import Row
from cift.benchmarks.core.setting import Setting
from cift.benchmarks.pages import numbered


class Section(Protocol):
    """What a module in this package has."""

    TITLE: str
    ABOUT: str

    def measure(self, setting: Setting) -> Iterator[Row]:
        """Yield the section's rows."""


def all_sections() -> dict[str, Section]:
    """Return the sections by the names of their modules, without the number that orders them."""
    return cast(dict[str, Section], numbered(sys.modules[__name__]))
