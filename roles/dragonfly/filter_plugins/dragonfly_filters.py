"""Filters for the cache Dragonfly."""

from __future__ import annotations

import re
from collections.abc import Callable

from ansible.errors import AnsibleFilterError

# The server reads the first letter alone, and every unit as a power of 1024 (ParseHumanReadableBytes of its source).
UNITS = "bkmgtpe"
SIZE = re.compile(rf"(\d+(?:\.\d+)?)\s*(?:([{UNITS}])(?:i?b)?)?", re.IGNORECASE)


def dragonfly_bytes(size: str | int) -> int:
    """Return a size such as `16gb`, `1.5G` or `268435456` in bytes, as the server would read it.

    Raises:
        AnsibleFilterError: it is no size.
    """
    match = SIZE.fullmatch(str(size).strip())
    if match is None:
        raise AnsibleFilterError(f"found the size {size!r}, expected a number with a unit, such as 512mb or 16gb")
    number, unit = match.groups()
    return int(float(number) * 1024 ** UNITS.index((unit or "b").lower()))


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[[str | int], int]]:
        """Return the filters by name."""
        return {"dragonfly_bytes": dragonfly_bytes}
