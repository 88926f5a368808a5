"""A rack: one bridge, one package proxy, and the virtual machines on it, from `up` to `down`.

It is built like a sandbox lab and uses the lab's records, network, proxy and ssh; what differs is that each host is a
qemu with a disk of its own. Its state and its images live in the checkout's `.state`, or where CIFT_MACHINE_DIR and
CIFT_MACHINE_CACHE say.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from cift.ops.machine import accelerator, emulator, image, power, preflight
from cift.ops.runner.project import find_root
from cift.ops.sandbox import base, cgroups, host, machine, mounts, network, proxy, records, ssh
from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.lab import NAME, NETWORK_LOCK
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.preflight import check_root
from cift.ops.sandbox.records import HostRecord, LabRecord
from cift.ops.sandbox.release import codename, number

Say = Callable[[str, str], None]
"""Called with the name of a machine (or `rack`) and what happens to it now."""

ACCELERATORS = ("auto", "kvm", "tcg")


class MachineStatus(msgspec.Struct):
    """One row of `list`. `state` is running, booting or stopped; times are UTC and seconds."""

    name: str
    release: str
    address: str
    accelerator: str
    state: str
    booted_at: str | None
    boots: int
    boot_seconds: float | None


def places() -> Layout:
    """Where the rack's state and its images are."""
    state = find_root() / ".state"
    return Layout(
        Path(os.environ.get("CIFT_MACHINE_DIR") or state / "machine").resolve(),
        Path(os.environ.get("CIFT_MACHINE_CACHE") or state / "machine-cache").resolve(),
    )


class Rack:
    """The machines whose state lives in one folder. Calls of two processes take turns."""

    def __init__(self, layout: Layout | None = None, say: Say = lambda _machine, _step: None) -> None:
        self.layout = layout or places()
        self._say = say

    def up(
        self,
        names: Sequence[str],
        release: str = "13",
        accelerate: str = "auto",
        opened: Callable[[], None] = lambda: None,
    ) -> list[MachineStatus]:
        """Make sure that these machines run and answer; one that runs already is left alone.

        `opened` is called when the rack has its folder, before anything of it runs.

        Raises:
            RefusedError: bad input, or a machine that cannot; nothing was begun.
            SandboxError: a step failed; another `up` continues, `down` removes.
        """
        wanted = codename(release)
        names = list(dict.fromkeys(names))
        for name in names:
            if not NAME.fullmatch(name):
                raise RefusedError(f"name '{name}' is not usable; expected up to 40 of a-z, 0-9 and inner dashes")
        if accelerate not in ACCELERATORS:
            raise RefusedError(f"accelerator '{accelerate}' is not known; expected one of {', '.join(ACCELERATORS)}")
        preflight.check()
        way = machine.way()
        self.layout.cache.mkdir(parents=True, exist_ok=True)
        with self._locked():
            record = records.load(self.layout)
            self._refuse_other_release(record, names, wanted)
            qemu = emulator.ensure(self.layout.cache, lambda step: self._say("emulator", step))
            self._say("emulator", qemu.version())
            disk = image.ensure(
                self.layout.cache, wanted, qemu,
                lambda kernel: self._accelerator(qemu, kernel, accelerate),
                lambda step: self._say(f"image {wanted}", step),
            )  # fmt: skip
            self._say(f"image {wanted}", "ready")
            opened()
            subnet = self._open(record, way)
            for name in names:
                known = record.hosts.get(name)
                if known is None:
                    address = network.free_address(subnet, (other.address for other in record.hosts.values()))
                    known = record.hosts[name] = HostRecord(name, wanted, address, str(disk))
                known.wanted = "up"
            records.save(self.layout, record)
            self._boot(record, names, subnet, qemu, self._accelerator(qemu, disk / "vmlinuz", accelerate))
        return [status for status in self.machines() if status.name in names]

    def down(self, names: Sequence[str] = (), *, purge: bool = False) -> list[str]:
        """Remove these machines, or all of them and the rack itself; returns the names of those that were there.

        Works from the records, the folders, the control groups and the links alike: what a killed call left is found.
        Calling it twice is fine. `purge` removes the images and the emulator too, once no machine is left.

        Raises:
            RefusedError: a name that the rack does not have.
            SandboxError: something cannot be ended or unmounted.
        """
        check_root()
        with self._locked():
            record = records.load(self.layout)
            present = self._present(record)
            if unknown := sorted(set(names) - set(present)):
                raise RefusedError(self._unknown(unknown[0], present))
            leaving = [name for name in present if not names or name in names]
            for name in leaving:
                if known := record.hosts.get(name):
                    known.wanted = "down"
            if self.layout.root.is_dir():
                records.save(self.layout, record)
            for name in leaving:
                self._say(name, "removing")
                power.remove(self.layout, name, record.hosts.get(name))
                record.hosts.pop(name, None)
                records.save(self.layout, record)
            if record.hosts:
                ssh.write_config(self.layout, record)
            else:
                self._close()
                if purge:
                    shutil.rmtree(self.layout.cache, ignore_errors=True)
        return leaving

    def machines(self) -> list[MachineStatus]:
        """The machines as they are now; takes no lock."""
        check_root()
        return [self._status(known) for known in records.load(self.layout).hosts.values()]

    def find(self, name: str) -> HostRecord:
        """One machine's record.

        Raises:
            RefusedError: the rack has none of that name.
        """
        known = records.load(self.layout).hosts
        if name not in known:
            raise RefusedError(self._unknown(name, list(known)))
        return known[name]

    def reboot(self, name: str, *, hard: bool = False, timeout: float | None = None) -> float | None:
        """Let the guest reboot itself, or (`hard`) cut its power; with a timeout, return the seconds of its boot.

        Raises:
            RefusedError: no such machine, or it does not run.
            SandboxError: it is not back within `timeout` seconds.
        """
        check_root()
        return power.reboot(self.layout, self.find(name), hard=hard, timeout=timeout)

    def _unknown(self, name: str, present: Sequence[str]) -> str:
        return f"no machine '{name}' in {self.layout.root}; there are: {', '.join(present) or 'none'}"

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return records.locked(self.layout.lock, lambda: self._say("rack", "waiting for another cift that works on it"))

    def _accelerator(self, qemu: emulator.Emulator, kernel: Path, accelerate: str) -> str:
        if accelerate != "auto":
            return accelerate
        answer = accelerator.choose(self.layout.cache, qemu, kernel)
        self._say("emulator", f"{'KVM' if answer.works else 'TCG'}: {answer.why}")
        return "kvm" if answer.works else "tcg"

    def _refuse_other_release(self, record: LabRecord, names: Sequence[str], wanted: str) -> None:
        for name in names:
            known = record.hosts.get(name)
            if known and known.codename != wanted:
                raise RefusedError(
                    f"machine '{name}' is there with Debian {number(known.codename)}, not {number(wanted)}; "
                    f"'cift machine down {name}' first"
                )

    def _open(self, record: LabRecord, way: machine.Way) -> ipaddress.IPv4Network:
        """Bridge and proxy. The machine-wide lock keeps two labs from choosing the same subnet."""
        with records.locked(NETWORK_LOCK):
            used = network.used_networks(self.layout.bridge)
            old = ipaddress.IPv4Network(record.subnet) if record.subnet else None
            if old is None or network.overlaps(old, used):
                if any(host.runs(self.layout, name) for name in record.hosts):
                    raise RefusedError(f"{old} of this rack is used elsewhere too; 'cift machine down' first")
                network.remove_links({self.layout.bridge})
                old = network.free_subnet(used)
                for known in record.hosts.values():
                    known.address = network.moved(known.address, old)
            record.subnet = str(old)
            records.save(self.layout, record)
            network.open_bridge(self.layout, old)
        ssh.ensure_key(self.layout)
        proxy.ensure(self.layout, network.gateway(old), way)
        return old

    def _boot(
        self, record: LabRecord, names: Sequence[str], subnet: ipaddress.IPv4Network, qemu: emulator.Emulator, by: str
    ) -> None:
        """Boot those that do not run, all at once."""
        asleep = [name for name in names if not host.runs(self.layout, name)]
        for name in asleep:
            self._say(name, "preparing its disk and network")
            power.prepare(self.layout, record.hosts[name], subnet, qemu, by)
        ssh.write_config(self.layout, record)
        records.save(self.layout, record)
        for name in asleep:
            self._say(name, f"booting ({by})")
            power.start(self.layout, name)
        for name in names:
            seconds = power.wait(self.layout, record.hosts[name])
            if name in asleep:
                record.hosts[name].boot_seconds = round(seconds, 1)
            self._say(name, "running")
        records.save(self.layout, record)

    def _present(self, record: LabRecord) -> list[str]:
        folders = [path.name for path in self.layout.hosts.iterdir()] if self.layout.hosts.is_dir() else []
        return list(dict.fromkeys([*record.hosts, *folders, *cgroups.children(f"{self.layout.group}/hosts")]))

    def _close(self) -> None:
        """Remove what is left of the rack: proxy, bridge, groups, folder."""
        cgroups.remove(self.layout.group)
        base.sweep(self.layout.cache)
        network.remove_links(network.lab_links(self.layout))
        mounts.release(self.layout.root)
        shutil.rmtree(self.layout.root, ignore_errors=True)

    def _status(self, known: HostRecord) -> MachineStatus:
        boot = host.last_boot(self.layout, known.name)
        return MachineStatus(
            known.name,
            number(known.codename),
            known.address,
            power.accelerator(self.layout, known.name),
            host.state(self.layout, known),
            boot.at if boot else None,
            boot.count if boot else 0,
            known.boot_seconds,
        )
