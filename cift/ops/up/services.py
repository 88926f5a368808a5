"""What runs and what is stored: /health of every trading host, and the fills in ClickHouse."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

from cift.ops.replay.result import ReplayResult
from cift.ops.report.model import HostHealth, Services
from cift.ops.runner.inventory import Inventory
from cift.ops.runner.play import run_playbook
from cift.ops.up.access import ApiAccess, api_access

_PATIENCE_S = 10.0
_ROWS_PLAYBOOK = Path(__file__).with_name("stored_rows.yml")


def read_services(root: Path, inventory: Inventory, log: Path, replay: ReplayResult | None) -> Services:
    """Ask every trading host how its services are, once nothing waits for the recorder, and count the stored fills."""
    health = [_settled_health(api_access(root, inventory, host)) for host in inventory.hosts("trading")]
    outcome = run_playbook(root, str(_ROWS_PLAYBOOK), [inventory.path], log, extra_vars=_which(replay))
    if not outcome.ok:
        return Services(health=health, rows_message=outcome.record.failures[0].message.splitlines()[0])
    stats = outcome.record.stats
    return Services(
        health=health, rows_stored=int(stats["cift_rows_stored"]), replay_rows=int(stats["cift_replay_rows"])
    )


def _which(replay: ReplayResult | None) -> dict[str, Any]:
    """Return what tells the replay's fills from others: an order's id is its command's sequence."""
    if replay is None:
        return {"replay_symbol": "", "replay_first": 0, "replay_last": 0}
    return {
        "replay_symbol": replay.symbol,
        "replay_first": replay.first_order_id,
        "replay_last": replay.last_order_id,
    }


def _settled_health(access: ApiAccess) -> HostHealth:
    """Return a host's health as soon as it is up and the recorder has no lag, or as it is when patience ends."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        health = _health(access)
        recorder = health.dependencies.get("recorder")
        if (health.status == "up" and not (recorder and recorder.lag)) or time.monotonic() > until:
            return health
        time.sleep(0.25)


def _health(access: ApiAccess) -> HostHealth:
    try:
        answer = httpx.get(f"{access.url}/health", verify=access.tls(), timeout=5.0, trust_env=False)
        return msgspec.convert(answer.json() | {"host": access.host, "url": access.url}, HostHealth)
    except (httpx.HTTPError, ValueError) as error:
        return HostHealth(host=access.host, url=access.url, status="unreachable", message=str(error))
