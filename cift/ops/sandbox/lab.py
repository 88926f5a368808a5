"""A lab: one bridge, one package proxy, and the hosts on it, from `up` to `down`."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from cift.ops.sandbox import base, cgroups, guest, host, machine, mounts, network, preflight, proxy, records, ssh
from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import HostRecord, LabRecord
from cift.ops.sandbox.release import by_host, codename, number

NETWORK_LOCK = Path("/run/lock/cift-sandbox")
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")

Say = Callable[[str, str], None]
"""Called with the name of a host (or `lab`) and what happens to it now."""


class HostStatus(msgspec.Struct):
    """One row of `list`. `state` is running, booting, unplugged, stopped or unwatched; times are UTC and seconds."""

    name: str
    release: str
    address: str
    state: str
    booted_at: str | None
    boots: int
    boot_seconds: float | None


class Lab:
    """The hosts whose state lives in one folder. Each call leaves the lab whole; calls of two processes take turns."""

    def __init__(self, layout: Layout | None = None, say: Say = lambda _host, _step: None) -> None:
        self.layout = layout or Layout.from_environment()
        self._say = say

    def up(self, names: Sequence[str], release: str = "13") -> list[HostStatus]:
        """Make sure that these hosts run and answer; a host that runs already is left alone.

        A name is `NAME` or, with a release of its own, `NAME=RELEASE`.

        Raises:
            RefusedError: bad input, or a machine that cannot; nothing was begun.
            SandboxError: a step failed; another `up` continues, `down` removes.
        """
        wanted = {name: codename(wish) for name, wish in by_host(names, release).items()}
        for name in wanted:
            if not NAME.fullmatch(name):
                raise RefusedError(f"host name '{name}' is not usable; expected up to 40 of a-z, 0-9 and inner dashes")
        preflight.check(self.layout.root)
        way = machine.way()
        with self._locked():
            record = records.load(self.layout)
            self._refuse_other_release(record, wanted)
            trees = {chosen: self._tree(chosen) for chosen in dict.fromkeys(wanted.values())}
            subnet = self._open(record, way)
            for name, chosen in wanted.items():
                known = record.hosts.get(name)
                if known is None:
                    address = network.free_address(subnet, (other.address for other in record.hosts.values()))
                    known = record.hosts[name] = HostRecord(name, chosen, address, str(trees[chosen]))
                known.wanted = "up"
            records.save(self.layout, record)
            self._boot(record, list(wanted), subnet)
        return [status for status in self.hosts() if status.name in wanted]

    def down(self, names: Sequence[str] = ()) -> list[str]:
        """Remove these hosts, or all of them and the lab itself; returns the names of those that were there.

        Works from the records, the folders, the control groups and the links alike: what a killed call left is found.
        Calling it twice is fine.

        Raises:
            RefusedError: a name that the lab does not have.
            SandboxError: something cannot be ended or unmounted.
        """
        preflight.check_root()
        with self._locked():
            record = records.load(self.layout)
            present = self._present(record)
            if unknown := sorted(set(names) - set(present)):
                raise RefusedError(
                    f"no host '{unknown[0]}' in {self.layout.root}; there are: {', '.join(present) or 'none'}"
                )
            leaving = [name for name in present if not names or name in names]
            for name in leaving:
                if known := record.hosts.get(name):
                    known.wanted = "down"
            if self.layout.root.is_dir():
                records.save(self.layout, record)
            for name in leaving:
                self._say(name, "removing")
                host.remove(self.layout, name, record.hosts.get(name))
                record.hosts.pop(name, None)
                records.save(self.layout, record)
            if record.hosts:
                self._introduce(record)
            else:
                self._close()
        return leaving

    def hosts(self) -> list[HostStatus]:
        """The hosts as they are now; takes no lock."""
        preflight.check_root()
        record = records.load(self.layout)
        return [self._status(known) for known in record.hosts.values()]

    def reboot(self, name: str, *, wait: bool = False, timeout: float = 120) -> None:
        """Let the guest reboot itself; with `wait`, return when it is up again.

        Raises:
            RefusedError: no such host, or it does not run.
            SandboxError: it is not back within `timeout` seconds.
        """
        self.find(name)
        host.reboot(self.layout, name, wait_for_it=wait, timeout=timeout)

    def plug(self, name: str, *, plugged: bool) -> None:
        """Take the host's link to the bridge down or up; what runs there runs on, and sees nobody meanwhile.

        Asking for what is there already is fine. A host that is booted anew by `up` begins plugged.

        Raises:
            RefusedError: no such host, or its link isn't there because it does not run.
        """
        with self._locked():
            network.plug(self.layout, name, self.find(name).address, plugged=plugged)

    def find(self, name: str) -> HostStatus:
        """One host.

        Raises:
            RefusedError: the lab has none of that name.
        """
        hosts = {status.name: status for status in self.hosts()}
        if name not in hosts:
            raise RefusedError(f"no host '{name}' in {self.layout.root}; there are: {', '.join(hosts) or 'none'}")
        return hosts[name]

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return records.locked(self.layout.lock, lambda: self._say("lab", "waiting for another cift that works on it"))

    def _tree(self, chosen: str) -> Path:
        return base.ensure(self.layout.cache, chosen, lambda step: self._say(f"base {chosen}", step))

    def _refuse_other_release(self, record: LabRecord, wanted: Mapping[str, str]) -> None:
        for name, chosen in wanted.items():
            known = record.hosts.get(name)
            if known and known.codename != chosen:
                raise RefusedError(
                    f"host '{name}' is there with Debian {number(known.codename)}, not {number(chosen)}; "
                    f"'cift sandbox down {name}' first"
                )

    def _open(self, record: LabRecord, way: machine.Way) -> ipaddress.IPv4Network:
        """Bridge and proxy. The machine-wide lock keeps two labs from choosing the same subnet."""
        with records.locked(NETWORK_LOCK):
            subnet = self._subnet(record)
            records.save(self.layout, record)
            network.open_bridge(self.layout, subnet)
        ssh.ensure_key(self.layout)
        proxy.ensure(self.layout, network.gateway(subnet), way)
        return subnet

    def _subnet(self, record: LabRecord) -> ipaddress.IPv4Network:
        """The lab's subnet. One that somebody took while the lab was asleep is given up, and the hosts move along."""
        used = network.used_networks(self.layout.bridge)
        old = ipaddress.IPv4Network(record.subnet) if record.subnet else None
        if old and not network.overlaps(old, used):
            return old
        if any(host.runs(self.layout, name) for name in record.hosts):
            raise RefusedError(f"{old} of this lab is used elsewhere on the machine too; 'cift sandbox down' first")
        network.remove_links({self.layout.bridge})
        new = network.free_subnet(used)
        for known in record.hosts.values():
            known.address = network.moved(known.address, new)
        record.subnet = str(new)
        return new

    def _boot(self, record: LabRecord, names: Sequence[str], subnet: ipaddress.IPv4Network) -> None:
        """Boot those that do not run, all at once."""
        asleep = [name for name in names if not host.runs(self.layout, name)]
        for name in asleep:
            self._say(name, "preparing its disk and network")
            host.prepare(self.layout, record.hosts[name], subnet)
        self._introduce(record)
        for name in asleep:
            self._say(name, "booting")
            host.start(self.layout, name)
        for name in names:
            record.hosts[name].boot_seconds = round(host.wait(self.layout, name), 1)
            self._say(name, "running")
        records.save(self.layout, record)

    def _introduce(self, record: LabRecord) -> None:
        """Tell the hosts the names of all, and ssh too. One that is not mounted hears of it when it boots."""
        for known in record.hosts.values():
            root = self.layout.host(known.name) / "root"
            if root in mounts.mounted(root):
                guest.introduce(root, known, record.hosts.values())
        ssh.write_config(self.layout, record)

    def _present(self, record: LabRecord) -> list[str]:
        folders = [path.name for path in self.layout.hosts.iterdir()] if self.layout.hosts.is_dir() else []
        return list(dict.fromkeys([*record.hosts, *folders, *cgroups.children(f"{self.layout.group}/hosts")]))

    def _close(self) -> None:
        """Remove what is left of the lab: proxy, bridge, groups, folder."""
        cgroups.remove(self.layout.group)
        base.sweep(self.layout.cache)
        network.remove_links(network.lab_links(self.layout))
        mounts.release(self.layout.root)
        shutil.rmtree(self.layout.root, ignore_errors=True)

    def _status(self, known: HostRecord) -> HostStatus:
        boot = host.last_boot(self.layout, known.name)
        return HostStatus(
            known.name,
            number(known.codename),
            known.address,
            host.state(self.layout, known),
            boot.at if boot else None,
            boot.count if boot else 0,
            known.boot_seconds,
        )
