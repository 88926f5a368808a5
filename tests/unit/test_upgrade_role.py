"""The role upgrade: the way back leads to where the version of before lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.role_render import evaluate


@pytest.mark.parametrize(
    ("service", "link"),
    [("nats", "/opt/nats-server/current to 2.1"), ("cift", "/opt/cift/current to releases/2.1")],
)
def test_the_way_back(service: str, link: str, tmp_path: Path) -> None:
    known = {"upgrade_service": service, "__upgrade_now": "2.1", "__upgrade_left": {}}
    expression = "(__upgrade_home ~ '/current to ' ~ __upgrade_beside ~ __upgrade_before)"
    assert evaluate("upgrade", expression, known, tmp_path) == link
