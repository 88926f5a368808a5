"""The machine's hardware as qemu is told it: four CPUs on two NUMA nodes, three network cards, one disk.

| card | where | what for |
|---|---|---|
| `management` | virtio, one queue | ssh and packages; no part of what is tuned |
| `igb` | node 1, up to 8 queues | the feed: nearest to a real card |
| `virtio` | node 0, 4 queues | a card that refuses much: what a role meets in a cloud |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cift.ops.machine.emulator import Emulator

QUEUES = 4
CARDS = {"management": "10", "igb": "20", "virtio": "30"}
CPU = {"kvm": "host", "tcg": "EPYC-Milan"}
# One thread for all of the guest's CPUs. With a thread each, a CPU lost its timer for good in one boot of some (qemu
# 10.0), and on two busy cores nothing was faster: boots took 90 s either way, Python half the time with one.
# A warm reset takes twice a cold start, so a guest's reset ends qemu and the supervisor starts another.
ACCELERATOR = {"kvm": "kvm", "tcg": "tcg,thread=single,tb-size=512"}


@dataclass(frozen=True)
class Machine:
    """What differs between machines. Files are named relative to the folder that qemu runs in."""

    number: int
    accelerator: str
    memory_mib: int = 6144
    disk: Path = Path("disk.qcow2")
    seed: Path = Path("seed.tar")
    console: Path = Path("console.log")

    def mac(self, card: str) -> str:
        """The address of a card."""
        return f"52:54:00:77:{self.number:02x}:{CARDS[card]}"


def command(emulator: Emulator, machine: Machine, more: Sequence[str] = ()) -> list[str]:
    """The command line that runs the machine until its guest powers off, resets or is ended; QMP is on stdio."""
    return [
        *emulator.system,
        *("-name", f"cift-{machine.number}", "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none"),
        *("-accel", ACCELERATOR[machine.accelerator], "-cpu", CPU[machine.accelerator]),
        *("-smp", "4,sockets=2,cores=2,threads=1", "-m", f"{machine.memory_mib}M"),
        *_nodes(machine.memory_mib // 2),
        *("-drive", f"file={machine.disk},if=none,id=disk,cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=disk,bus=pcie.0,bootindex=1"),
        *("-device", "virtio-rng-pci,bus=pcie.0"),
        *("-fw_cfg", f"name=opt/cift/seed,file={machine.seed}"),
        *("-chardev", f"file,id=console,path={machine.console},append=on", "-serial", "chardev:console"),
        *("-qmp", "stdio", "-action", "reboot=shutdown"),
        *more,
    ]


def cards(machine: Machine) -> list[str]:
    """The network cards, each on the tap of its name. Every PCI bridge belongs to a node, so its cards do too."""
    return [
        *("-device", "pxb-pcie,id=bus0,bus=pcie.0,bus_nr=32,numa_node=0"),
        *("-device", "pxb-pcie,id=bus1,bus=pcie.0,bus_nr=64,numa_node=1"),
        *("-device", "pcie-root-port,id=port0,bus=bus0,chassis=1,slot=1"),
        *("-device", "pcie-root-port,id=port1,bus=bus1,chassis=2,slot=2"),
        *("-netdev", "tap,id=management,ifname=management,script=no,downscript=no,vhost=off"),
        *("-device", f"virtio-net-pci,netdev=management,bus=pcie.0,mac={machine.mac('management')},romfile="),
        *("-netdev", "tap,id=igb,ifname=igb,script=no,downscript=no"),
        *("-device", f"igb,netdev=igb,bus=port1,mac={machine.mac('igb')},romfile="),
        *("-netdev", f"tap,id=virtio,ifname=virtio,queues={QUEUES},script=no,downscript=no,vhost=off"),
        *(
            "-device",
            f"virtio-net-pci,netdev=virtio,bus=port0,mq=on,vectors={2 * QUEUES + 2},rx_queue_size=1024,"
            f"tx_queue_size=256,mac={machine.mac('virtio')},romfile=",
        ),
    ]


def _nodes(mib: int) -> list[str]:
    words = []
    for node, cpus in ((0, "0-1"), (1, "2-3")):
        words += ["-object", f"memory-backend-ram,id=memory{node},size={mib}M"]
        words += ["-numa", f"node,nodeid={node},cpus={cpus},memdev=memory{node}"]
    return [*words, "-numa", "dist,src=0,dst=1,val=20"]
