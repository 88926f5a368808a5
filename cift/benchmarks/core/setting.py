"""What every section is given."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Setting:
    """Where to work and how much: `folder` holds what is built and installed, `flow` is the mixed flow's JSON file.

    Contestants run on `processor` alone, `passes` times one after the other, `rounds` measured runs each time; no run
    takes longer than `seconds`. `say` shows progress.
    """

    folder: Path
    flow: Path
    passes: int
    rounds: int
    seconds: float
    processor: int
    quick: bool
    say: Callable[[str], None]

    def pin(self) -> None:
        """Bind this process, and what it starts, to the one processor."""
        os.sched_setaffinity(0, {self.processor})
