"""What a machine is told at each boot: its name, keys, addresses, the way to its packages. A tar, through fw_cfg."""

from __future__ import annotations

import ipaddress
import tarfile
from pathlib import Path

from cift.ops.machine.hardware import Machine
from cift.ops.sandbox import guest, network
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import HostRecord

# RFC 2544 sets 198.18.0.0/15 aside for tests of network devices.
FEEDS = {"igb": "198.18.1", "virtio": "198.18.2"}
FOLDERS = ("etc/ssh", "etc/apt/apt.conf.d", "etc/udev/rules.d", "root/.ssh")


def write(layout: Layout, host: HostRecord, machine: Machine, subnet: ipaddress.IPv4Network) -> Path:
    """Make `seed.tar` in the machine's folder; its ssh host key is made only once."""
    folder = layout.host(host.name)
    root = folder / "seed"
    for part in FOLDERS:
        (root / part).mkdir(parents=True, exist_ok=True)
    (root / "etc/machine-id").touch()
    guest.furnish(layout, host, root, network.gateway(subnet))
    guest.introduce(root, host, [host])
    addresses = {"management": f"{host.address}/{subnet.prefixlen}"}
    addresses |= {card: f"{net}.{machine.number}/24" for card, net in FEEDS.items()}
    rules = "".join(rule(machine.mac(card), address) for card, address in addresses.items())
    (root / "etc/udev/rules.d/90-machine.rules").write_text(rules)
    return pack(root, folder / "seed.tar")


def rule(mac: str, address: str) -> str:
    """A card's udev rule: its address as soon as it is there. A network manager would take an emulated CPU a minute."""
    when = f'ACTION=="add", SUBSYSTEM=="net", ATTR{{address}}=="{mac}"'
    up = f'RUN+="/usr/sbin/ip link set $name up", RUN+="/usr/sbin/ip address replace {address} dev $name"'
    return f"{when}, {up}\n"


def pack(root: Path, tar: Path) -> Path:
    """Files alone: a folder in the tar would give the guest's own folder its mode."""
    with tarfile.open(tar, "w") as archive:
        for path in sorted(path for path in root.rglob("*") if path.is_file() and path.name != "machine-id"):
            entry = archive.gettarinfo(path, str(path.relative_to(root)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            with path.open("rb") as content:
                archive.addfile(entry, content)
    return tar
