"""One machine: its disk and network, its boot, its reboot, its removal."""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cift.ops.machine import hardware, seed, space, supervisor
from cift.ops.machine.emulator import Emulator
from cift.ops.machine.hardware import Machine
from cift.ops.sandbox import cgroups, guest, host, mounts, network, ssh
from cift.ops.sandbox.commands import run
from cift.ops.sandbox.errors import RefusedError, SandboxError
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import HostRecord, write_atomically
from cift.ops.sandbox.supervisor import guest_group, keeper_group

# Emulation on a busy machine: 130 s from power-on to ssh were seen.
BOOT_TIMEOUT = 400.0


def group(layout: Layout, name: str) -> str:
    """The control group that holds the machine's supervisor and its qemu."""
    return f"{layout.group}/hosts/{name}"


def prepare(
    layout: Layout, record: HostRecord, subnet: ipaddress.IPv4Network, emulator: Emulator, accelerator: str
) -> None:
    """Everything that a boot needs; whatever an interrupted call left is ended first, the disk is kept."""
    cgroups.remove(group(layout, record.name))
    folder = layout.host(record.name)
    folder.mkdir(parents=True, exist_ok=True)
    image = Path(record.base) / "disk.qcow2"
    if not image.is_file():
        raise RefusedError(
            f"machine '{record.name}' stands on {image}, which is gone; 'cift machine down {record.name}' first"
        )
    machine = Machine(int(record.address.rsplit(".", 1)[1]), accelerator)
    disk = folder / machine.disk
    if not disk.exists():
        draft = disk.with_suffix(".new")
        run([*emulator.image, "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, draft])
        draft.replace(disk)
    seed.write(layout, record, machine, subnet)
    record.host_key = guest.host_key(folder / "seed")
    (folder / "boot.json").unlink(missing_ok=True)
    space.open_(layout, record.name, record.address)
    argv = hardware.command(emulator, machine, hardware.cards(machine))
    write_atomically(folder / supervisor.COMMAND, json.dumps(argv).encode())


def start(layout: Layout, name: str) -> None:
    """Start the machine's supervisor, which boots it."""
    cgroups.create(keeper_group(layout, name))
    with (layout.host(name) / "supervisor.log").open("wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", "cift.ops.machine.supervisor", layout.root, layout.cache, name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            preexec_fn=cgroups.entering(keeper_group(layout, name)),
        )


def wait(layout: Layout, record: HostRecord, timeout: float = BOOT_TIMEOUT) -> float:
    """Wait until the machine's latest boot is finished; returns the seconds from power-on.

    Raises:
        SandboxError: it stopped, or did not come up in time; the message says where its console is.
    """
    deadline = time.monotonic() + timeout
    folder = layout.host(record.name)
    console = folder / "console.log"
    while not (host.state(layout, record) == "running" and ssh.answers(layout, record.name)):
        if not host.runs(layout, record.name):
            said = (folder / "supervisor.log").read_text(errors="replace").strip().splitlines()
            why = f" ({said[-1]})" if said else ""
            raise SandboxError(f"machine '{record.name}' stopped while booting{why}; its last words are in {console}")
        if time.monotonic() > deadline:
            raise SandboxError(f"machine '{record.name}' does not answer after {timeout:.0f} s; see {console}")
        time.sleep(0.5)
    # A degraded machine is an answer too: which of its units fail is for `verify` to say.
    ask = ssh.command(layout, record.name, "systemctl is-system-running --wait")
    said = run(ask, check=False, timeout=max(10.0, deadline - time.monotonic())).stdout.split()
    boot = host.last_boot(layout, record.name)
    if said[:1] not in (["running"], ["degraded"]) or boot is None:
        raise SandboxError(
            f"machine '{record.name}' answers, but its boot does not end ({' '.join(said) or 'no word'}); see {console}"
        )
    return time.monotonic() - boot.monotonic


def reboot(layout: Layout, record: HostRecord, *, hard: bool, timeout: float | None) -> float | None:
    """Let the guest reboot, or cut its power; with a timeout in seconds, wait for its return.

    Raises:
        RefusedError: it does not run.
        SandboxError: it refuses, stops, or is not back in time.
    """
    name = record.name
    before = host.last_boot(layout, name)
    if before is None or not host.runs(layout, name):
        raise RefusedError(f"machine '{name}' does not run; 'cift machine up {name}' boots it")
    if hard:
        cgroups.kill(guest_group(layout, name))
    else:
        # The guest may close the connection before ssh has its answer: the next boot tells whether it was understood.
        asked = run(ssh.command(layout, name, "systemctl", "reboot"), check=False)
        if asked.returncode not in (0, 255):
            raise SandboxError(
                f"machine '{name}' does not take the order to reboot: {asked.stderr.strip()}; --hard cuts its power"
            )
    if timeout is None:
        return None
    _until(
        lambda: (now := host.last_boot(layout, name)) is not None and now.count > before.count,
        lambda: host.runs(layout, name),
        f"machine '{name}' did not go down for its reboot",
        timeout,
    )
    return wait(layout, record, timeout)


def _until(done: Callable[[], bool], alive: Callable[[], bool], otherwise: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        if not alive():
            raise SandboxError(f"{otherwise}: it stopped")
        if time.monotonic() > deadline:
            raise SandboxError(f"{otherwise} within {timeout:.0f} s")
        time.sleep(0.2)


def remove(layout: Layout, name: str, record: HostRecord | None) -> None:
    """Leave nothing of the machine: processes, groups, namespace, link, folder. The record may be lost already."""
    cgroups.remove(group(layout, name))
    if record:
        network.disconnect(layout, name, record.address)
    folder = layout.host(name)
    if folder.is_dir():
        mounts.release(folder)
        shutil.rmtree(folder)


def accelerator(layout: Layout, name: str) -> str:
    """What the machine was started with: `kvm`, `tcg`, or `-` before its first start."""
    try:
        argv = json.loads((layout.host(name) / supervisor.COMMAND).read_text())
    except FileNotFoundError:
        return "-"
    return str(argv[argv.index("-accel") + 1]).partition(",")[0]
