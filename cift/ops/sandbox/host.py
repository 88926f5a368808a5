"""One host: its disk and network, its boot, its removal."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from cift.ops.sandbox import cgroups, guest, mounts, network, ssh, supervisor
from cift.ops.sandbox.commands import run
from cift.ops.sandbox.errors import RefusedError, SandboxError
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import HostRecord

BOOT_TIMEOUT = 120.0
NSPAWN = Path("/run/systemd/nspawn")


class Boot(msgspec.Struct):
    """The host's latest boot: when (UTC), which one since `up`, and the machine's clock then in seconds."""

    at: str
    count: int
    monotonic: float


def last_boot(layout: Layout, name: str) -> Boot | None:
    """What the supervisor wrote when it last booted the host."""
    try:
        return msgspec.json.decode((layout.host(name) / "boot.json").read_bytes(), type=Boot)
    except FileNotFoundError:
        return None


def runs(layout: Layout, name: str) -> bool:
    """Whether the host's supervisor lives."""
    return cgroups.populated(supervisor.keeper_group(layout, name))


def state(layout: Layout, host: HostRecord) -> str:
    """`running`: it answers on the ssh port; `booting`: not yet; `stopped`; `unwatched`: its supervisor was killed;
    `unplugged`: nobody knows, it was cut from the network."""
    if not runs(layout, host.name):
        return "unwatched" if cgroups.populated(_group(layout, host.name)) else "stopped"
    if network.unplugged(layout, host.address):
        return "unplugged"
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return "running" if probe.connect_ex((host.address, 22)) == 0 else "booting"


def prepare(layout: Layout, host: HostRecord, subnet: ipaddress.IPv4Network) -> None:
    """Everything that a boot needs; whatever an interrupted call left is ended first, the disk is kept."""
    cgroups.remove(_group(layout, host.name))
    folder = layout.host(host.name)
    folder.mkdir(parents=True, exist_ok=True)
    if not Path(host.base).is_dir():
        raise RefusedError(
            f"host '{host.name}' stands on {host.base}, which is gone; 'cift sandbox down {host.name}' first"
        )
    root = mounts.overlay(Path(host.base), folder)
    guest.furnish(layout, host, root, network.gateway(subnet))
    host.host_key = guest.host_key(root)
    (folder / "boot.json").unlink(missing_ok=True)
    network.connect(layout, host.name, host.address, subnet)


def start(layout: Layout, name: str) -> None:
    """Start the host's supervisor, which boots it."""
    cgroups.create(supervisor.keeper_group(layout, name))
    with (layout.host(name) / "console.log").open("wb") as console:
        subprocess.Popen(
            [sys.executable, "-m", "cift.ops.sandbox.supervisor", layout.root, layout.cache, name],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            cwd="/",
            preexec_fn=cgroups.entering(supervisor.keeper_group(layout, name)),
        )


def wait(layout: Layout, name: str, timeout: float = BOOT_TIMEOUT) -> float:
    """Wait until the host answers and its boot is finished; returns the seconds that the boot took.

    Raises:
        SandboxError: it stopped, or did not come up in time; the message says where its console is.
    """
    deadline = time.monotonic() + timeout
    console = layout.host(name) / "console.log"
    while not ssh.answers(layout, name):
        if not runs(layout, name):
            raise SandboxError(f"host '{name}' stopped while booting; its last words are in {console}")
        if time.monotonic() > deadline:
            raise SandboxError(f"host '{name}' does not answer after {timeout:.0f} s; see {console}")
        time.sleep(0.1)
    # A degraded host is an answer too: which of its units fail is for `verify` to say. The manager's time stamp is on
    # the same clock as ours, so the seconds are right even for a host that was asked late.
    ask = "systemctl is-system-running --wait; systemctl show --property=FinishTimestampMonotonic --value"
    said = run(ssh.command(layout, name, ask), check=False, timeout=timeout).stdout.split()
    boot = last_boot(layout, name)
    if len(said) != 2 or said[0] not in ("running", "degraded") or boot is None:
        raise SandboxError(f"host '{name}' answers, but its boot does not end ({' '.join(said)}); see {console}")
    return int(said[1]) / 1e6 - boot.monotonic


def reboot(layout: Layout, name: str, *, wait_for_it: bool, timeout: float = BOOT_TIMEOUT) -> None:
    """Ask the guest to reboot itself; see `Lab.reboot`."""
    before = last_boot(layout, name)
    if before is None or not runs(layout, name):
        raise RefusedError(f"host '{name}' does not run; 'cift sandbox up {name}' boots it")
    # The guest may close the connection before ssh has its answer: the next boot tells whether it was understood.
    asked = run(ssh.command(layout, name, "systemctl", "reboot"), check=False)
    if asked.returncode not in (0, 255):
        raise SandboxError(f"host '{name}' refuses to reboot: {asked.stderr.strip()}")
    if not wait_for_it:
        return
    deadline = time.monotonic() + timeout
    while (now := last_boot(layout, name)) is None or now.count == before.count:
        if not runs(layout, name):
            raise SandboxError(f"host '{name}' stopped instead of rebooting; 'cift sandbox up {name}' boots it")
        if time.monotonic() > deadline:
            raise SandboxError(f"host '{name}' did not go down for its reboot within {timeout:.0f} s")
        time.sleep(0.1)
    wait(layout, name, timeout)


def _forget_in_nspawn(layout: Layout, name: str) -> None:
    """Remove what nspawn leaves in /run when it is killed rather than ended."""
    for left in ("propagate", "unix-export"):
        folder = NSPAWN / left / layout.machine(name)
        mounts.release(folder)
        shutil.rmtree(folder, ignore_errors=True)
    root = layout.host(name) / "root"
    if root in mounts.mounted(root):
        tree = root.stat()
        (NSPAWN / "locks" / f"inode-{tree.st_dev}:{tree.st_ino}").unlink(missing_ok=True)


def remove(layout: Layout, name: str, host: HostRecord | None) -> None:
    """Leave nothing of the host: processes, groups, link, mounts, folder. The record may be lost already."""
    cgroups.remove(_group(layout, name))
    if host:
        network.disconnect(layout, name, host.address)
    _forget_in_nspawn(layout, name)
    mounts.release(layout.host(name))
    if layout.host(name).is_dir():
        shutil.rmtree(layout.host(name))


def _group(layout: Layout, name: str) -> str:
    return f"{layout.group}/hosts/{name}"
