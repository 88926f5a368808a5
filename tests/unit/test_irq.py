"""The program that pins interrupts, on folders that stand in for machines with the NICs that it knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_code import load

irq = load("irq/files/cift_irq.py")
PLAN = {"default": "0", "interfaces": {"eth0": [1, 2]}}


class Host:
    """Four CPUs, interrupts that may run on all of them, and a NIC that some are of."""

    def __init__(
        self, root: Path, lines: dict[int, str], *, virtio: bool = False, of_nic: set[int] | None = None
    ) -> None:
        self.root = root
        table = ["            CPU0       CPU1       CPU2       CPU3"]
        table += [f" {number:3}:  1  2  3  4  {rest}" for number, rest in lines.items()]
        (root / "proc/irq").mkdir(parents=True)
        (root / "proc/interrupts").write_text("\n".join([*table, " LOC:  1 2 3 4  Local timer interrupts", ""]))
        (root / "proc/irq/default_smp_affinity").write_text("f\n")
        for number in lines:
            self.path(number).parent.mkdir()
            self.path(number).write_text("0-3\n")
        pci = root / "sys/devices/pci0000:00/0000:00:03.0"
        device = pci / "virtio1" if virtio else pci
        device.mkdir(parents=True)
        (pci / "msi_irqs").mkdir()
        for number in of_nic or set():
            (pci / "msi_irqs" / str(number)).touch()
        (root / "sys/class/net/eth0").mkdir(parents=True)
        (root / "sys/class/net/eth0/device").symlink_to(device)

    def path(self, number: int) -> Path:
        return self.root / f"proc/irq/{number}/smp_affinity_list"

    def live(self, number: int) -> str:
        return self.path(number).read_text().strip()


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        ("virtio3-input.0", 0),
        ("virtio3-output.7", 7),
        ("virtio3-config", None),
        ("mlx5_comp12@pci:0000:01:00.0", 12),
        ("mlx5_async0@pci:0000:01:00.0", None),
        ("eth0-5", 5),
        ("ice-eth0-TxRx-3", 3),
        ("ice-0000:41:00.0:misc", None),
        ("bnxt_en-enp1s0f0np0-TxRx-11", 11),
        ("enp1s0-TxRx-2", 2),
        ("eth0-Tx-Rx-6", 6),
        ("ena-mgmnt@pci:0000:00:05.0", None),
        ("eth0-rx-1", 1),
        ("eth0-tx-1", 1),
        ("eth0", None),
        ("idpf-eth0-TxRx-4", 4),
        ("gve-ntfy-blk9@pci:0000:00:04.0", 9),
        ("eth0-rxtx-3", 3),
    ],
)
def test_the_queue_in_an_interrupt_s_name(name: str, queue: int | None) -> None:
    assert irq.queue_of(name) == queue


def test_queues_go_round_and_the_rest_to_housekeeping(tmp_path: Path) -> None:
    lines = {
        1: "IO-APIC 1-edge i8042",
        30: "PCI-MSIX-0000:00:03.0 0-edge virtio1-config",
        31: "PCI-MSIX-0000:00:03.0 1-edge virtio1-input.0",
        32: "PCI-MSIX-0000:00:03.0 2-edge virtio1-output.0",
        33: "PCI-MSIX-0000:00:03.0 3-edge virtio1-input.1",
        34: "PCI-MSIX-0000:00:03.0 4-edge virtio1-input.2",
    }
    host = Host(tmp_path, lines, virtio=True, of_nic={30, 31, 32, 33, 34})
    moved = irq.apply(tmp_path, PLAN)
    assert len(moved) == 6
    assert [host.live(number) for number in lines] == ["0", "0", "1", "1", "2", "1"]
    assert (tmp_path / "proc/irq/default_smp_affinity").read_text() == "00000001"
    assert irq.apply(tmp_path, PLAN) == []
    rows = irq.verify(tmp_path, PLAN)
    assert {row["verdict"] for row in rows} == {"pass"}
    assert rows[0]["setting"] == "eth0 queue 0 (virtio1-input.0)"
    assert rows[-1]["live"] == "2 of 2 there"


def test_one_that_came_back_is_seen(tmp_path: Path) -> None:
    host = Host(tmp_path, {40: "PCI-MSI 1-edge eth0-rx-0", 41: "IO-APIC 9-fasteoi acpi"}, of_nic={40})
    irq.apply(tmp_path, PLAN)
    host.path(40).write_text("0-3\n")
    host.path(41).write_text("3\n")
    rows = irq.verify(tmp_path, PLAN)
    assert [row["verdict"] for row in rows] == ["fail", "fail"]
    assert rows[1]["live"] == "41 acpi on 3"


def test_what_the_kernel_keeps_is_named_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path, {24: "PCI-MSIX 1-edge nvme0q1", 40: "PCI-MSI 1-edge ice-eth0-TxRx-0"}, of_nic={40})
    write = Path.write_text

    def refuse(path: Path, text: str) -> int:
        if path == host.path(24):
            raise OSError(5, "Input/output error")
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", refuse)
    irq.apply(tmp_path, PLAN)
    rows = irq.verify(tmp_path, PLAN)
    assert [row["verdict"] for row in rows] == ["pass", "pass"]
    assert rows[1]["why"] == "kept by the kernel: 24 nvme0q1 on 0-3"


def test_an_interface_without_interrupts_is_skipped(tmp_path: Path) -> None:
    Host(tmp_path, {1: "IO-APIC 1-edge i8042"})
    plan: dict[str, Any] = {"default": "0", "interfaces": {"eth9": [1]}}
    irq.apply(tmp_path, plan)
    assert irq.verify(tmp_path, plan)[-1]["verdict"] == "skip"


def test_masks_in_words_of_32_bits() -> None:
    assert irq.mask({0}) == "00000001"
    assert irq.mask({1, 32, 64}) == "00000001,00000001,00000002"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Host(tmp_path, {1: "IO-APIC 1-edge i8042"})
    file = tmp_path / "irq.json"
    assert irq.main(["apply", "--plan", str(file), "--root", str(tmp_path)]) == 2
    assert "expected the file that the role irq writes" in capsys.readouterr().err
    file.write_text(json.dumps(PLAN))
    assert irq.main(["apply", "--plan", str(file), "--root", str(tmp_path)]) == 0
    assert "1 i8042: 0-3 to 0" in capsys.readouterr().out
    assert irq.main(["verify", "--plan", str(file), "--root", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["setting"] == "all other interrupts"
