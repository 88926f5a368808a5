"""What qemu says on QMP (its docs/interop/qmp-spec): enough to tell a guest's reset from its power-off."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO

RESET, POWER_OFF = "guest-reset", "guest-shutdown"


def greet(words: IO[str]) -> None:
    """Leave the negotiation, after which qemu tells events."""
    words.write('{"execute": "qmp_capabilities"}\n')
    words.flush()


def end(lines: Iterable[str]) -> str | None:
    """Read to the end; returns the reason of the shutdown, or None if qemu was killed or never began."""
    reason = None
    for line in lines:
        try:
            said = json.loads(line)
        except json.JSONDecodeError:  # half a line of a qemu that was killed
            continue
        if isinstance(said, dict) and said.get("event") == "SHUTDOWN":
            reason = str(said.get("data", {}).get("reason", ""))
    return reason
