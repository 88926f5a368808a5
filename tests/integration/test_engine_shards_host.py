"""Two engine shards on a real sandbox host: their units, what each decides, and that their number stays what it is."""

from __future__ import annotations

import json
import ssl
import time
from pathlib import Path

import httpx
import pytest

from cift.core.shards import shard_of
from tests.integration.test_deploy import OWN, SITE, address
from tests.servers.lab import ROOT, On, Play

pytestmark = [pytest.mark.host, pytest.mark.slow, pytest.mark.timeout(3600)]

TWO = OWN | {"cift_engine_shards": 2}
KEY = "sed -n 's/^CIFT_API_KEY=\"\\(.*\\)\"$/\\1/p' /etc/cift/secrets/benchmark.env"
UNITS = ("cift-engine", "cift-engine-standby", "cift-engine-1", "cift-engine-standby-1")
STREAMS = "http://127.0.0.1:8222/jsz?accounts=true&streams=true"


def page(on: On, url: str) -> str:
    """What a page of the host says; a host has no curl."""
    code = f'import urllib.request; print(urllib.request.urlopen("{url}", timeout=9).read().decode())'
    return on(f"python3 -c '{code}'")


def stored(on: On) -> dict[str, int]:
    """How many messages each stream of events has had."""
    accounts = json.loads(page(on, STREAMS))["account_details"]
    streams = [one for account in accounts for one in account.get("stream_detail") or []]
    return {one["name"]: one["state"]["last_seq"] for one in streams if one["name"].startswith("EVENTS")}


def decides(on: On, shard: int) -> list[str]:
    """Which unit says what the shard decides, by the metrics of both."""
    ports = {0: {"cift-engine": 8001, "cift-engine-standby": 8003}}.get(
        shard, {f"cift-engine-{shard}": 8300 + shard, f"cift-engine-standby-{shard}": 8500 + shard}
    )
    told = {unit: page(on, f"http://127.0.0.1:{port}/metrics") for unit, port in ports.items()}
    return [unit for unit, text in told.items() if "cift_engine_active 1" in text]


def test_two_shards_share_the_symbols_of_a_host(play: Play, on: On, lab: dict[str, str], tmp_path: Path) -> None:
    assert [shard_of(symbol, 2) for symbol in ("AAPL", "MSFT")] == [0, 1]
    site = tmp_path / "site.yml"
    site.write_text(SITE)
    done = play(site, **TWO)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert on(f"systemctl is-active {' '.join(UNITS)}").split() == ["active"] * 4
    assert [decides(on, shard) for shard in (0, 1)] == [["cift-engine"], ["cift-engine-1"]]
    before = stored(on)
    assert set(before) == {"EVENTS_0", "EVENTS_1"}

    trust = ssl.create_default_context(cafile=ROOT / ".state/tls/sandbox/cift-1.crt")
    headers = {"Authorization": f"Bearer {on(KEY)}"}
    url = f"https://{address(lab)}:8000"
    with httpx.Client(base_url=url, headers=headers, verify=trust, timeout=20, trust_env=False) as api:

        def order(symbol: str) -> None:
            what = {"symbol": symbol, "side": "buy", "quantity": 1, "price": 1.0}
            answer = api.post("/api/v1/orders", json=what)
            assert answer.status_code == 201, answer.text

        for symbol in ("AAPL", "AAPL", "MSFT"):
            order(symbol)
        after = stored(on)
        assert {name: after[name] - count for name, count in before.items()} == {"EVENTS_0": 2, "EVENTS_1": 1}

        # A shard without engines is named; the other one goes on.
        on("systemctl stop cift-engine-1 cift-engine-standby-1")
        deadline = time.monotonic() + 20
        while (answer := api.get("/health")).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.5)
        assert answer.status_code == 503
        assert "shard 1" in answer.json()["dependencies"]["engine"]["reason"], answer.text
        order("AAPL")
        on("systemctl start cift-engine-1 cift-engine-standby-1")

        # Their number can't change any more: by the servers' own play, and past it.
        done = play("site.yml", "--skip-tags", "verify,benchmark", **OWN)
        assert done.returncode != 0
        said = " ".join(done.stdout.split())
        assert "cift_engine_shards: found 1, but events in EVENTS_0, EVENTS_1, expected EVENTS alone" in said, said
        done = play("playbooks/deploy.yml", **OWN)
        assert done.returncode != 0
        said = " ".join(done.stdout.split())
        assert "CIFT_ENGINE_SHARDS is 1" in said, said
        assert "again with the settings of before, and are well" in said, said
        assert on("grep SHARDS /etc/cift/cift.env") == 'CIFT_ENGINE_SHARDS="2"'
        assert on(f"systemctl is-active {' '.join(UNITS)}").split() == ["active"] * 4
        order("AAPL")

    # Again: nothing changes, but for a unit of a shard that is no more, which goes.
    folder = "/etc/systemd/system"
    on(f"cp {folder}/cift-engine-1.service {folder}/cift-engine-7.service && systemctl enable cift-engine-7")
    done = play(site, **TWO)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert on(f"ls {folder} {folder}/multi-user.target.wants | grep -c cift-engine-7 || true") == "0"
    done = play(site, **TWO)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert " changed=0 " in done.stdout, done.stdout[-6000:]
