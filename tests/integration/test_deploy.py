"""Releases come and go on a real sandbox host while clients place orders: nothing is lost, and nothing doubled.

A next release is deployed, then two broken ones, each of which the host is rid of by itself; at last the first comes
back by hand. Clients do what the API's contract says: they repeat a request with the same client_order_id until it is
answered.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.integration.test_killed_under_load import Client
from tests.servers.lab import ROOT, On, Play

pytestmark = [pytest.mark.host, pytest.mark.slow, pytest.mark.timeout(3600)]

CLIENTS = 4
SITE = """---
- name: Run the services and what they need
  hosts: all
  gather_facts: false
  roles: [preflight, cpu_plan, rust_core, base, nats, chdb, valkey, postgresql, cift]
"""
OWN: dict[str, Any] = {
    "cift_questdb_enabled": False,
    "cift_health_timeout": 30,
    "cift_instruments": [{"symbol": symbol, "tick_size": 0.01, "lot_size": 1} for symbol in ("AAPL", "MSFT")],
}
# What a playbook reads, and what a release is made from.
PARTS = ("cift", "rust_core", "roles", "playbooks", "inventories", "requirements", "scripts")
FILES = ("pyproject.toml", "README.md", "ansible.cfg", "site.yml")
# Runs on the host, as its operator: whether the events are those of an undisturbed run of the journal, and which orders
# each name has there.
CHECK = """
import asyncio, json
from collections import Counter, defaultdict
from cift.core.config import Settings
from cift.core.matching import Matcher
from cift.core.messages import NewOrder
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_command, decode_event
from cift.core.stream_reader import StreamReader

async def everything(nats, stream):
    last = (await nats.js.stream_info(stream)).state.last_seq
    messages = []
    async with StreamReader(nats, stream) as reader, asyncio.timeout(120):
        while reader.position < last:
            messages += await reader.next(100_000)
    return messages

async def main():
    async with NatsManager(Settings()) as nats:
        commands = [(each, decode_command(each.data)) for each in await everything(nats, "ORDERS")]
        stored = await everything(nats, "EVENTS")
    matcher, expected, named = Matcher(), [], defaultdict(list)
    for each, command in commands:
        expected += matcher.apply(each.seq, command)
        if isinstance(command, NewOrder):
            named[command.client_order_id].append(each.seq)
    events = [decode_event(each.data) for each in stored]
    last = Counter(event.seq for event in events if event.last)
    origins = {each.seq: each.correlation for each, _ in commands}
    print(json.dumps({
        "equal": events == expected, "events": len(events), "orders": named,
        "outcomes": max(last.values()),
        "without": len([seq for seqs in named.values() for seq in seqs if not last[seq]]),
        "origins": all(each.correlation == origins[event.seq] for each, event in zip(stored, events)),
    }))

asyncio.run(main())
"""
AS_ADMIN = (
    "systemd-run --quiet --pipe --wait --collect --uid=cift --property=EnvironmentFile=/etc/cift/cift.env "
    "--property=EnvironmentFile=/etc/cift/secrets/admin.env /opt/cift/current/bin/python -"
)
BROKEN = 'raise SystemExit("a broken build, made by a test")\n'


def checkout(folder: Path, *, broken: str = "") -> Path:
    """Another checkout with this one's state (its secrets and caches), whose release is another one."""
    folder.mkdir()
    for name in PARTS:
        left_out = shutil.ignore_patterns("target", "__pycache__", "*.so")
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=left_out)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    (folder / "README.md").write_text((folder / "README.md").read_text() + f"\nOf {folder.name}.\n")
    if broken:
        module = folder / broken
        first = "from __future__ import annotations\n"
        module.write_text(module.read_text().replace(first, f"{first}\n{BROKEN}", 1))
    (folder / ".state").symlink_to(ROOT / ".state")
    return folder


class HostApi:
    """The API of the lab's host, for `Client`."""

    def __init__(self, address: str, key: str) -> None:
        self._address, self._key = address, key
        self._trust = ssl.create_default_context(cafile=ROOT / ".state/tls/sandbox/cift-1.crt")

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"https://{self._address}:8000",
            headers={"Authorization": f"Bearer {self._key}"},
            verify=self._trust,
            timeout=20,
            trust_env=False,
        )


def address(lab: dict[str, str]) -> str:
    lines = Path(lab["CIFT_SANDBOX_DIR"], "ssh_config").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.strip().startswith("HostName"))


async def test_nothing_is_lost_and_nothing_doubled(play: Play, on: On, lab: dict[str, str], tmp_path: Path) -> None:
    site = tmp_path / "site.yml"
    site.write_text(SITE)
    done = await asyncio.to_thread(play, site, **OWN)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    first = on("readlink /opt/cift/current")
    units = "sha256sum /etc/cift/cift.env /etc/systemd/system/cift-{api,engine,recorder}*"
    settings = on(units)
    key = on("sed -n 's/^CIFT_API_KEY=\"\\(.*\\)\"$/\\1/p' /etc/cift/secrets/benchmark.env")

    stop, api = asyncio.Event(), HostApi(address(lab), key)
    clients = [Client(SimpleNamespace(api=api), seed) for seed in range(CLIENTS)]  # type: ignore[arg-type]
    loads = [asyncio.create_task(client.run(stop)) for client in clients]
    counts: dict[str, int] = {}

    async def under_load(name: str, playbook: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        before = sum(len(client.placed) for client in clients)
        done = await asyncio.to_thread(play, playbook, *words, **options, **OWN)
        for load in loads:
            assert not load.done(), load.result()
        counts[name] = sum(len(client.placed) for client in clients) - before
        return done

    try:
        done = await under_load("next", "playbooks/deploy.yml", checkout=checkout(tmp_path / "next"))
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        second = on("readlink /opt/cift/current")
        assert second != first
        own = on(units)

        for name, module, unit in (
            ("ill-engine", "cift/services/engine.py", "cift-engine-standby.service"),
            ("ill-api", "cift/api/main.py", "cift-api@1.service"),
        ):
            done = await under_load(name, "playbooks/deploy.yml", checkout=checkout(tmp_path / name, broken=module))
            said = " ".join(done.stdout.split())
            assert done.returncode != 0
            assert unit in said, done.stdout[-6000:]
            assert f"The services run {Path(second).name} again" in said, done.stdout[-6000:]
            assert (on("readlink /opt/cift/current"), on(units)) == (second, own)

        done = await under_load("back", "playbooks/rollback.yml", "--tags", "release")
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        assert (on("readlink /opt/cift/current"), on(units)) == (first, settings)
        done = await asyncio.to_thread(
            play, "playbooks/rollback.yml", "--tags", "release", cift_rollback_release="0.0.0+none", **OWN
        )
        assert done.returncode != 0
        assert "found 0.0.0+none, expected one of" in " ".join(done.stdout.split())
        stop.set()
        await asyncio.gather(*loads)
    finally:
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)

    ssh = ["ssh", "-F", f"{lab['CIFT_SANDBOX_DIR']}/ssh_config", "cift-1", AS_ADMIN]
    checked = await asyncio.to_thread(subprocess.run, ssh, input=CHECK, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = json.loads(checked.stdout)
    assert found["equal"], "the events are not those of an undisturbed run"
    assert (found["outcomes"], found["without"], found["origins"]) == (1, 0, True)
    for client in clients:
        for name, order_id in client.placed.items():
            assert found["orders"][name] == [order_id]
    answers = sum((client.answers for client in clients), Counter[str]())
    print(f"orders placed meanwhile: {counts}; {found['events']} events, answers {dict(answers)}")
