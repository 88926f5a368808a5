"""Whatever service is killed comes back by itself, and then the whole stack works again."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

BACK_S = 60.0


@pytest.mark.parametrize(
    "unit",
    ["cift-api@1", "cift-engine", "cift-recorder", "nats", "cift-chdb", "questdb", "cache_unit", "database_unit"],
)
def test_after_a_kill_it_is_back_and_health_is_green(
    host: Any, api: httpx.Client, key: dict[str, str], unit: str, request: pytest.FixtureRequest
) -> None:
    if unit.endswith("_unit"):
        unit = request.getfixturevalue(unit)
    killed = _main_pid(host, unit)
    host.check_output(f"kill -9 {killed}")
    deadline = time.monotonic() + BACK_S
    while not (_main_pid(host, unit) not in ("0", killed) and _is_green(api)):
        assert time.monotonic() < deadline, host.run(f"systemctl status --no-pager --lines 20 {unit}").stdout
        time.sleep(0.25)
    order = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "price": 1.0, "quantity": 1}
    assert api.post("/api/v1/orders", json=order, headers=key).status_code == 201
    assert host.run("systemctl --failed --no-legend --plain").stdout == ""


def _main_pid(host: Any, unit: str) -> str:
    pid: str = host.check_output(f"systemctl show --property MainPID --value {unit}").strip()
    return pid


def _is_green(api: httpx.Client) -> bool:
    try:
        return api.get("/health").status_code == 200
    except httpx.HTTPError:
        return False
