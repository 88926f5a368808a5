"""Everything that a host holds, saved, and loaded into another host that site.yml has just made."""

from __future__ import annotations

import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.test_deploy import address
from tests.servers.lab import BIN, ROOT, On, Play

pytestmark = [pytest.mark.host, pytest.mark.slow, pytest.mark.timeout(3600)]

PROVISION = ("--skip-tags", "verify,benchmark")
KEY = "sed -n 's/^CIFT_API_KEY=\"\\(.*\\)\"$/\\1/p' /etc/cift/secrets/benchmark.env"
# What a client can see; an order's own page says what the engine decided, out of NATS.
PAGES = ("orders?limit=500", "orders?state=open&limit=500", "fills?limit=500", "positions", "book/AAPL")


def api(lab: dict[str, str], on: On) -> httpx.Client:
    trust = ssl.create_default_context(cafile=ROOT / ".state/tls/sandbox/cift-1.crt")
    headers = {"Authorization": f"Bearer {on(KEY)}"}
    url = f"https://{address(lab)}:8000/api/v1/"
    return httpx.Client(base_url=url, headers=headers, verify=trust, timeout=20, trust_env=False)


def pages(client: httpx.Client) -> dict[str, Any]:
    found = {}
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200, (page, answer.text)
        found[page] = answer.json()
    return found


def place(client: httpx.Client, count: int) -> list[int]:
    """Place orders of which most trade with the one before; return the ids."""
    ids = []
    for number in range(count):
        order = {"symbol": "AAPL", "side": ("buy", "sell")[number % 2], "quantity": 1 + number % 3, "price": 100.0}
        answer = client.post("orders", json=order)
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["order_id"])
    return ids


def settled(client: httpx.Client, count: int) -> dict[str, Any]:
    """Return the pages once all orders are in the tables, and nothing moves any more."""
    before: dict[str, Any] = {}
    for _ in range(120):
        now = pages(client)
        if now == before and len(now["orders?limit=500"]["orders"]) >= count:
            return now
        before = now
        time.sleep(1)
    raise AssertionError(before)


def test_a_fresh_host_gets_all_that_the_old_one_had(play: Play, on: On, lab: dict[str, str], tmp_path: Path) -> None:
    backups = {"backup_destination": str(tmp_path / "backups")}
    done = play("site.yml", *PROVISION)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    machine = on("cat /etc/machine-id")
    with api(lab, on) as client:
        ids = place(client, 301)
        had = settled(client, len(ids))
    done = play("playbooks/backup.yml", **backups)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr

    for word in ("down", "up --release 13"):
        subprocess.run([BIN / "cift", "sandbox", *word.split()], env=lab, check=True, capture_output=True)
    assert on("cat /etc/machine-id") != machine
    done = play("site.yml", *PROVISION)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    with api(lab, on) as client:
        assert client.get("orders").json()["orders"] == []

    refused = play("playbooks/restore.yml", **backups)
    assert refused.returncode != 0
    assert "restore_replace" in refused.stdout, refused.stdout[-6000:]
    with api(lab, on) as client:
        assert client.get("orders").json()["orders"] == [], "a restore that was refused has left something"
    done = play("playbooks/restore.yml", restore_replace=True, **backups)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    rows = [line.strip(' ",') for line in done.stdout.splitlines() if " rows saved, " in line]
    stores = {row.split()[0] for row in rows}
    assert {"nats", "clickhouse", "postgresql", "questdb"} <= stores, rows
    assert [row for row in rows if not row.endswith("hash equal")] == []
    with api(lab, on) as client:
        assert settled(client, len(ids)) == had
        more = place(client, 2)
        assert min(more) > max(ids), "the journal goes on where it was"
