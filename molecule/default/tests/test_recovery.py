"""Whatever service is killed comes back by itself, and then the whole stack works again."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

BACK_S = 60.0
WATCHDOG_S = 30.0


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
    _await(host, api, {unit: killed}, BACK_S)
    _trade(host, api, key)


def test_what_hangs_is_ended_by_its_watchdog_and_is_back(host: Any, api: httpx.Client, key: dict[str, str]) -> None:
    hung = {unit: _main_pid(host, unit) for unit in ("cift-api@1", "cift-engine", "cift-recorder")}
    host.check_output(f"kill -STOP {' '.join(hung.values())}")
    _await(host, api, hung, WATCHDOG_S + BACK_S)
    for unit in hung:
        assert "Watchdog timeout" in host.check_output(f"journalctl --no-pager --lines 100 --unit {unit}")
    _trade(host, api, key)


def _await(host: Any, api: httpx.Client, gone: dict[str, str], patience_s: float) -> None:
    """Wait until units run as other processes than those `gone`, and health is green."""
    deadline = time.monotonic() + patience_s
    while any(_main_pid(host, unit) in ("0", pid) for unit, pid in gone.items()) or not _is_green(api):
        status = f"systemctl status --no-pager --lines 20 {' '.join(gone)}"
        assert time.monotonic() < deadline, host.run(status).stdout
        time.sleep(0.25)


def _trade(host: Any, api: httpx.Client, key: dict[str, str]) -> None:
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
