"""A machine's supervisor, its power and its removal, with real groups, namespaces and taps.

In qemu's place stands a small program that talks QMP as qemu does: what a guest does is said to it. The real one is
started by `make test-metal`.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cift.ops.machine import power, preflight, space
from cift.ops.sandbox import cgroups, host, network, records
from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import HostRecord, LabRecord
from cift.ops.sandbox.supervisor import guest_group, keeper_group

pytestmark = [pytest.mark.host, pytest.mark.timeout(120)]

NAME = "stand-in"
# Waits for the file `say`, then says its content as the reason of the shutdown and ends, like qemu does.
QEMU = """
import json, pathlib, sys, time
print(json.dumps({"QMP": {}}), flush=True)
assert json.loads(sys.stdin.readline()) == {"execute": "qmp_capabilities"}
say = pathlib.Path("say")
while not say.exists():
    time.sleep(0.02)
reason = say.read_text()
say.unlink()
print(json.dumps({"event": "SHUTDOWN", "data": {"guest": True, "reason": reason}}), flush=True)
"""


@pytest.fixture
def layout() -> Iterator[Layout]:
    root = Path(f"/var/lib/cift-machine-test-{os.getpid()}")
    try:
        preflight.check()
    except RefusedError as why:
        pytest.skip(str(why))
    layout = Layout(root, root / "cache")
    layout.host(NAME).mkdir(parents=True)
    record = HostRecord(NAME, "trixie", "10.77.200.11", "/nowhere")
    records.save(layout, LabRecord("10.77.200.0/24", {NAME: record}))
    (layout.host(NAME) / "qemu.json").write_text(json.dumps([sys.executable, "-c", QEMU]))
    network.open_bridge(layout, ipaddress.IPv4Network("10.77.200.0/24"))
    space.open_(layout, NAME, record.address)
    power.start(layout, NAME)
    until(lambda: boots(layout) == 1 and cgroups.populated(guest_group(layout, NAME)))
    yield layout
    power.remove(layout, NAME, record)
    assert network.lab_links(layout) == {layout.bridge}
    network.remove_links(network.lab_links(layout))
    cgroups.remove(layout.group)
    assert not layout.host(NAME).exists()
    shutil.rmtree(root)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def boots(layout: Layout) -> int:
    boot = host.last_boot(layout, NAME)
    return boot.count if boot else 0


def say(layout: Layout, reason: str) -> None:
    (layout.host(NAME) / "say").write_text(reason)


def test_a_reset_boots_it_again_and_a_power_off_ends_it(layout: Layout) -> None:
    say(layout, "guest-reset")
    until(lambda: boots(layout) == 2)
    until(lambda: not (layout.host(NAME) / "say").exists())
    say(layout, "guest-shutdown")
    until(lambda: not host.runs(layout, NAME))
    assert boots(layout) == 2
    assert "--- boot 2, " in (layout.host(NAME) / "console.log").read_text()


def test_a_power_cut_boots_it_again(layout: Layout) -> None:
    time.sleep(5)  # a qemu that ends sooner is taken for one that refuses its command line
    record = records.load(layout).hosts[NAME]
    power.reboot(layout, record, hard=True, timeout=None)
    until(lambda: boots(layout) == 2)
    assert host.runs(layout, NAME)


def test_a_qemu_that_refuses_is_not_started_for_ever(layout: Layout) -> None:
    cgroups.kill(guest_group(layout, NAME))
    until(lambda: not host.runs(layout, NAME))
    assert boots(layout) == 1


def test_a_killed_supervisor_takes_its_machine_along(layout: Layout) -> None:
    group = cgroups.roots()[0] / keeper_group(layout, NAME)
    for pid in (group / "cgroup.procs").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    until(lambda: not cgroups.populated(power.group(layout, NAME)))
    record = records.load(layout).hosts[NAME]
    assert host.state(layout, record) == "stopped"


def test_the_cards_are_on_their_bridges(layout: Layout) -> None:
    said = power.run(
        ["nsenter", f"--net={layout.host(NAME) / 'net'}", "ip", "-j", "link", "show", "type", "tun"]
    ).stdout
    bridges = {link["ifname"]: link["master"] for link in json.loads(said)}
    assert bridges == {"management": "lab", "igb": "feed-igb", "virtio": "feed-virtio"}
