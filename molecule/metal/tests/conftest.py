"""The machine as ssh has it. A command costs a second or more under emulation: the tests ask for much at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Report = list[dict[str, Any]]


@pytest.fixture(scope="module")
def words(host: Any) -> list[str]:
    """What the kernel was started with."""
    line: str = host.check_output("cat /proc/cmdline")
    return line.split()


@pytest.fixture(scope="module")
def menu(host: Any) -> str:
    """The boot menu."""
    text: str = host.check_output("cat /boot/grub/grub.cfg")
    return text


@pytest.fixture(scope="module")
def report(host: Any) -> Report:
    """Rows of the verify report."""
    rows: Report = json.loads(host.check_output("cat /var/lib/cift/reports/verify.json"))["rows"]
    return rows


@pytest.fixture(scope="module")
def area(report: Report) -> Callable[[str], Report]:
    """Rows of one area, of which there are some."""

    def rows(name: str) -> Report:
        found = [row for row in report if row["area"] == name]
        assert found, f"the report has nothing of {name}"
        return found

    return rows
