"""One table applies and proves: what is written and set, what is skipped with a reason, what waits for a reboot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.unit.machine import FakeMachine

from ansible.module_utils import setting_files, setting_kinds, setting_table  # isort: skip
from ansible.module_utils.setting_apply import Done, present, verified  # isort: skip
from ansible.module_utils.setting_cpus import format_list, format_mask, parse_list, parse_mask  # isort: skip

COLUMNS = {"what": "does it", "why": "because", "source": "the manual"}
THP = "/sys/kernel/mm/transparent_hugepage/enabled"
SYSCTL = {"name": "vm.swappiness", "kind": "sysctl", "value": 10}
SYSFS = {"name": "THP", "kind": "sysfs", "path": THP, "value": "madvise"}
ARGUMENT = {"name": "isolcpus", "kind": "argument", "value": "managed_irq,domain,2-3"}
FLAG = {"name": "nosoftlockup", "kind": "argument", "value": True}
MASKED = {"name": "irqbalance", "kind": "unit", "unit": "irqbalance.service", "value": "masked"}
AFFINITY = {
    "name": "manager", "kind": "ini", "path": "/etc/systemd/system.conf.d/60-cift.conf", "section": "Manager",
    "key": "CPUAffinity", "value": "0", "form": "cpus", "live": {"process": 1, "field": "Cpus_allowed_list"},
}  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    machine = FakeMachine(tmp_path)
    machine.have("/proc/sys/vm/swappiness", "60\n")
    machine.have("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet\n")
    machine.have("/proc/1/status", "Name:\tsystemd\nCpus_allowed_list:\t0-3\n")
    machine.have(THP, "[always] madvise never\n")
    return machine


def rows(*given: dict[str, Any]) -> list[dict[str, Any]]:
    table = [COLUMNS | row for row in given]
    setting_table.validate(table)
    return table


def apply(machine: FakeMachine, *given: dict[str, Any], check: bool = False, stale: set[str] | None = None) -> Done:
    return present(machine, rows(*given), "test", check=check, write=machine.put, stale=stale or set())


def verdicts(machine: FakeMachine, *given: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["verdict"], row["why"]) for row in verified(machine, rows(*given), "test")]


class TestSchema:
    @pytest.mark.parametrize(
        ("wrong", "expected"),
        [
            ({"kind": "colour"}, "expected one of argument, ini, mount"),
            ({"kind": "sysfs"}, "a sysfs row needs path"),
            ({"path": "/x"}, "unknown column path"),
            ({"why": " "}, "why is empty"),
            ({"needs": [{"colour": 1}]}, "needs {'colour'}, expected some of path"),
            ({"form": "hex", "kind": "sysfs", "path": "/x"}, "form is 'hex'"),
        ],
    )
    def test_a_row_that_cannot_be_read_is_named(self, wrong: dict[str, Any], expected: str) -> None:
        with pytest.raises(setting_table.BadTableError, match=expected):
            rows(SYSCTL | wrong)

    def test_a_setting_has_one_row(self) -> None:
        with pytest.raises(setting_table.BadTableError, match=r"row 2 \(vm.swappiness\): is there twice"):
            rows(SYSCTL, SYSCTL | {"value": 20})

    def test_overrides_replace_values_and_leave_alone(self) -> None:
        table = setting_table.override(rows(SYSCTL, SYSFS), {"vm.swappiness": 1, "THP": None})
        assert [row["value"] for row in table] == [1, None]
        assert table[1]["unset"] == "the inventory leaves it alone"
        with pytest.raises(setting_table.BadTableError, match=r"'vm\.swapiness': no such setting"):
            setting_table.override(rows(SYSCTL), {"vm.swapiness": 1})


class TestPresent:
    def test_writes_sets_and_then_has_nothing_to_do(self, machine: FakeMachine) -> None:
        done = apply(machine, SYSCTL, SYSFS)
        assert done.applied == {"vm.swappiness": "60", "THP": "always"}
        assert machine.read("/etc/sysctl.d/60-cift-test.conf") == setting_files.HEADER + "vm.swappiness = 10\n"
        assert f"w- {THP} - - - - madvise\n" in (machine.read("/etc/tmpfiles.d/60-cift-test.conf") or "")
        machine.have(THP, "always [madvise] never\n")  # the kernel's own way to say so
        again = apply(machine, SYSCTL, SYSFS)
        assert (again.files, again.applied, again.failed) == ({}, {}, [])
        assert verdicts(machine, SYSCTL, SYSFS) == [("pass", "because")] * 2

    def test_check_changes_nothing(self, machine: FakeMachine) -> None:
        done = apply(machine, SYSCTL, ARGUMENT, check=True)
        assert set(done.files) == {"/etc/sysctl.d/60-cift-test.conf", setting_files.GRUB}
        assert done.applied == {"vm.swappiness": "60"}
        assert machine.read("/proc/sys/vm/swappiness") == "60\n"
        assert machine.read(setting_files.GRUB) is None

    def test_a_kernel_that_gives_less_fails(self, machine: FakeMachine) -> None:
        """Fragmented memory: the kernel takes the number of pages and has fewer."""
        pages = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
        machine.have(pages, "0\n")
        machine.write = lambda name, text: machine.have(name, "300\n")  # type: ignore[method-assign]
        done = apply(machine, {"name": "2 MB pages", "kind": "sysfs", "path": pages, "value": 512})
        assert done.failed == ["2 MB pages: asked for 512, the kernel has 300 (before: 0)"]

    def test_an_unknown_setting_fails_by_its_place(self, machine: FakeMachine) -> None:
        done = apply(machine, SYSCTL | {"name": "vm.swapiness"})
        assert "/proc/sys/vm/swapiness is not there" in done.failed[0]

    def test_files_that_no_row_makes_any_more_go(self, machine: FakeMachine) -> None:
        apply(machine, SYSCTL, AFFINITY)
        done = apply(machine, SYSFS, stale={AFFINITY["path"]})
        assert machine.read("/etc/sysctl.d/60-cift-test.conf") is None
        assert machine.read(AFFINITY["path"]) is None
        assert done.actions == ["systemctl daemon-reexec"]

    def test_units_are_masked_and_stopped(self, machine: FakeMachine) -> None:
        machine.answers = {"systemctl is-enabled": "enabled", "systemctl show irqbalance": "active"}
        apply(machine, MASKED)
        assert machine.ran[-2:] == ["systemctl mask irqbalance.service", "systemctl stop irqbalance.service"]
        machine.answers = {"systemctl is-enabled": "masked", "systemctl show irqbalance": "inactive"}
        assert apply(machine, MASKED).applied == {}
        assert verdicts(machine, MASKED) == [("pass", "because")]

    def test_a_pattern_of_files_and_one_for_each_cpu(self, machine: FakeMachine) -> None:
        for cpu in range(4):
            machine.have(f"/sys/devices/system/cpu/cpu{cpu}/power/pm_qos_resume_latency_us", "0\n")
        row = {
            "name": "C-states", "kind": "sysfs", "value": 1, "cpus": "2-3",
            "path": "/sys/devices/system/cpu/cpu{cpu}/power/pm_qos_resume_latency_us",
        }  # fmt: skip
        apply(machine, row)
        assert machine.read(row["path"].replace("{cpu}", "1")) == "0\n"
        assert machine.read(row["path"].replace("{cpu}", "3")) == "1"
        assert (machine.read("/etc/tmpfiles.d/60-cift-test.conf") or "").count("\nw- ") == 2
        machine.have(row["path"].replace("{cpu}", "2"), "0\n")
        (found,) = verified(machine, rows(row), "test")
        assert found["verdict"] == "fail"
        assert found["live"].endswith("cpu3/power/pm_qos_resume_latency_us: 1")

    def test_masks_are_written_as_masks_and_read_as_lists(self, machine: FakeMachine) -> None:
        path = "/sys/devices/virtual/workqueue/cpumask"
        machine.have(path, "ffffffff,ffffffff\n")
        row = {"name": "workqueues", "kind": "sysfs", "path": path, "value": [0, 32], "form": "mask"}
        assert apply(machine, row).applied == {"workqueues": "0-63"}
        assert machine.read(path) == "00000001,00000001"
        assert verdicts(machine, row) == [("pass", "because")]


class TestCommandLine:
    def test_goes_to_the_menu_and_waits_for_a_reboot(self, machine: FakeMachine) -> None:
        machine.have(setting_files.BOOT_MENU, "\tlinux /vmlinuz root=UUID=1 ro quiet\n")
        machine.answers = {"update-grub": ""}
        done = apply(machine, ARGUMENT, FLAG)
        assert done.reboot == ["isolcpus", "nosoftlockup"]
        assert done.actions == ["update-grub"]
        words = "isolcpus=managed_irq,domain,2-3 nosoftlockup"
        assert f'"$GRUB_CMDLINE_LINUX_DEFAULT {words}"' in (machine.read(setting_files.GRUB) or "")
        # The menu still lacks the words: a run that was cut off before update-grub is finished by the next one.
        assert apply(machine, ARGUMENT, FLAG).actions == ["update-grub"]
        assert verdicts(machine, FLAG)[0][0] == "fail"
        machine.have(setting_files.BOOT_MENU, f"\tlinux /vmlinuz root=UUID=1 ro {words}\n")
        assert apply(machine, ARGUMENT, FLAG).actions == []
        assert [verdict for verdict, _ in verdicts(machine, ARGUMENT, FLAG)] == ["reboot", "reboot"]
        machine.have("/proc/cmdline", f"ro {words}\n")
        assert [verdict for verdict, _ in verdicts(machine, ARGUMENT, FLAG)] == ["pass", "pass"]

    def test_a_later_word_of_the_same_name_wins(self, machine: FakeMachine) -> None:
        machine.have("/proc/cmdline", "ro isolcpus=managed_irq,domain,2-3 isolcpus=1\n")
        assert setting_kinds.live(machine, ARGUMENT) == "isolcpus=1"

    def test_what_the_kernel_made_of_it(self, machine: FakeMachine) -> None:
        """Words that a kernel doesn't know, or can't follow, stand on its command line all the same."""
        row = ARGUMENT | {"effect": {"path": "/sys/devices/system/cpu/isolated", "form": "cpus", "value": [2, 3]}}
        apply(machine, row)
        machine.have("/proc/cmdline", "ro isolcpus=managed_irq,domain,2-3\n")
        assert verdicts(machine, row)[0][0] == "pass"  # nothing to look at
        for nothing in ("\n", "(null)\n"):
            machine.have("/sys/devices/system/cpu/isolated", nothing)
            assert verdicts(machine, row)[0][0] == "fail"
        machine.have("/sys/devices/system/cpu/isolated", "2-3\n")
        assert verdicts(machine, row)[0][0] == "pass"

    def test_pages_are_two_words_of_one_setting(self, machine: FakeMachine) -> None:
        row = {"name": "hugepagesz", "kind": "argument", "value": "1G hugepages=0:2"}
        machine.have("/proc/cmdline", "ro hugepagesz=1G hugepages=0:2 quiet\n")
        apply(machine, row)
        assert verdicts(machine, row) == [("pass", "because")]
        machine.have("/proc/cmdline", "ro hugepagesz=1G hugepages=0:1 quiet\n")
        assert verdicts(machine, row)[0][0] == "reboot"


class TestPages:
    """1 GB pages are the outcome of the command line: too few, or on another node, is no matter of a reboot."""

    PATH = "/sys/devices/system/node/node{item}/hugepages/hugepages-1048576kB/nr_hugepages"
    ROW: ClassVar = {
        "name": "1 GB pages of node {item}", "kind": "outcome", "path": PATH, "argument": "hugepages", "value": 0,
        "each": {"0": 0, "1": 2},
    }  # fmt: skip
    ARGUMENT: ClassVar = {"name": "hugepagesz", "kind": "argument", "value": "1G hugepages=1:2"}

    def verdicts(self, machine: FakeMachine, *pages: int) -> list[str]:
        for node, count in enumerate(pages):
            machine.have(self.PATH.replace("{item}", str(node)), f"{count}\n")
        table = setting_table.expand(rows(self.ROW))
        return [row["verdict"] for row in verified(machine, table, "test")]

    def test_before_and_after_the_reboot(self, machine: FakeMachine) -> None:
        assert self.verdicts(machine, 0, 0) == ["pass", "fail"]  # nothing asks for it
        apply(machine, self.ARGUMENT)
        assert self.verdicts(machine, 0, 0) == ["pass", "reboot"]
        machine.have("/proc/cmdline", "ro hugepagesz=1G hugepages=1:2\n")
        assert self.verdicts(machine, 0, 2) == ["pass", "pass"]

    def test_too_few_or_elsewhere(self, machine: FakeMachine) -> None:
        apply(machine, self.ARGUMENT)
        machine.have("/proc/cmdline", "ro hugepagesz=1G hugepages=1:2\n")
        assert self.verdicts(machine, 0, 1) == ["pass", "fail"]
        assert self.verdicts(machine, 2, 0) == ["fail", "fail"]
        done = present(machine, setting_table.expand(rows(self.ROW)), "pages", check=False, write=machine.put)
        assert done.failed[1] == "1 GB pages of node 1: asked for 2 at boot by hugepages=, the kernel has 0"

    def test_each_of_none(self) -> None:
        (row,) = setting_table.expand(rows(self.ROW | {"each": {}}))
        assert (row["name"], row["value"]) == ("1 GB pages of node any", None)
        names = [row["name"] for row in setting_table.expand(rows(SYSFS | {"name": "x of {item}", "each": ["a", "b"]}))]
        assert names == ["x of a", "x of b"]


class TestSkips:
    def test_a_container_writes_everything_and_sets_what_is_its_own(self, machine: FakeMachine) -> None:
        machine.have("/run/systemd/container", "systemd-nspawn\n")
        machine.have("/proc/sys/net/core/somaxconn", "4096\n")
        own = {"name": "net.core.somaxconn", "kind": "sysctl", "value": 8192}
        table = (SYSCTL, SYSFS | {"needs": [{"path": "/sys/nothing"}]}, ARGUMENT, own)
        done = apply(machine, *table)
        assert done.applied == {"net.core.somaxconn": "4096"}
        assert set(done.skipped) == {"vm.swappiness", "THP", "isolcpus"}
        assert done.reboot == []
        assert machine.read("/proc/sys/vm/swappiness") == "60\n"
        assert {"/etc/sysctl.d/60-cift-test.conf", "/etc/tmpfiles.d/60-cift-test.conf"} < set(done.files)
        found = verdicts(machine, *table)
        assert [verdict for verdict, _ in found] == ["skip", "skip", "skip", "pass"]
        assert all("systemd-nspawn" in why for verdict, why in found if verdict == "skip")

    @pytest.mark.parametrize(
        ("need", "reason"),
        [
            ({"path": "/sys/devices/system/cpu/cpufreq/policy*"}, "this kernel or device doesn't have it"),
            ({"path": "/sys/devices/system/cpu/cpufreq/policy*", "reason": "no driver"}, "no driver"),
            ({"path": THP, "contains": "sometimes"}, "has no sometimes"),
            ({"kernel": "6.13"}, "the kernel is 6.12.48-amd64, older than 6.13"),
            ({"realtime": False}, "PREEMPT_RT"),
            ({"config": "NO_HZ_FULL"}, "built without CONFIG_NO_HZ_FULL"),
            ({"program": "ethtool"}, "ethtool is not installed"),
            ({"driver": ["mlx5_*", "ice"], "interface": "eth0"}, "eth0 has the driver igb"),
            ({"absent": THP}, "is there"),
        ],
    )
    def test_what_is_missing_is_said(self, machine: FakeMachine, need: dict[str, Any], reason: str) -> None:
        machine.have("/sys/kernel/realtime", "1\n")
        machine.have("/boot/config-6.12.48-amd64", "# CONFIG_NO_HZ_FULL is not set\n")
        machine.path("/sys/drivers/igb").mkdir(parents=True)
        device = machine.path("/sys/class/net/eth0/device")
        device.mkdir(parents=True)
        (device / "driver").symlink_to(machine.path("/sys/drivers/igb"))
        row = SYSFS | {"needs": [need]}
        assert reason in apply(machine, row).skipped["THP"]
        assert machine.read("/etc/tmpfiles.d/60-cift-test.conf") is None
        ((verdict, why),) = verdicts(machine, row)
        assert verdict == "skip"
        assert reason in why

    def test_a_need_that_is_met(self, machine: FakeMachine) -> None:
        needs = [{"kernel": "6.12"}, {"path": THP, "contains": "madvise"}, {"config": "NO_HZ_FULL"}]
        assert apply(machine, SYSFS | {"needs": needs}).applied == {"THP": "always"}

    def test_nothing_wanted(self, machine: FakeMachine) -> None:
        row = ARGUMENT | {"value": None, "unset": "the plan isolates no CPU"}
        assert apply(machine, row).skipped == {"isolcpus": "the plan isolates no CPU"}
        assert machine.read(setting_files.GRUB) is None
        assert verdicts(machine, row) == [("skip", "the plan isolates no CPU")]


class TestVerified:
    def test_drift_and_a_later_file_fail(self, machine: FakeMachine) -> None:
        apply(machine, SYSCTL)
        machine.have("/proc/sys/vm/swappiness", "60\n")
        assert "something changed it" in verdicts(machine, SYSCTL)[0][1]
        machine.have("/etc/sysctl.d/99-local.conf", "vm/swappiness=60\n")
        assert verdicts(machine, SYSCTL) == [("fail", "not there for the next boot: 60")]

    def test_ini_files_are_read_by_section_and_key(self, machine: FakeMachine) -> None:
        apply(machine, AFFINITY)
        assert verdicts(machine, AFFINITY)[0][0] == "fail"  # PID 1 still has all CPUs
        machine.have("/proc/1/status", "Cpus_allowed_list:\t0\n")
        assert verdicts(machine, AFFINITY) == [("pass", "because")]

    def test_a_unit_s_process_and_property(self, machine: FakeMachine) -> None:
        path = "/etc/systemd/system/nats.service.d/60-cift-plan.conf"
        base = {"kind": "ini", "path": path, "section": "Service", "value": "2-3", "form": "cpus"}
        pinned = base | {
            "name": "nats", "key": "CPUAffinity", "live": {"unit": "nats.service", "field": "Cpus_allowed_list"}
        }  # fmt: skip
        node = base | {
            "name": "node", "key": "NUMAMask", "value": 0, "live": {"unit": "nats.service", "property": "NUMAMask"}
        }  # fmt: skip
        assert apply(machine, pinned, node).restart == []
        machine.have("/proc/77/status", "Cpus_allowed_list:\t2,3\n")
        assert verdicts(machine, node)[0] == (
            "skip",
            "nats.service is not installed on this host, the file is in place",
        )
        machine.answers = {
            "systemctl show nats.service --property=LoadState": "loaded\n",
            "systemctl show nats.service --property=MainPID": "77\n",
            "systemctl show nats.service --property=NUMAMask": "0\n",
        }
        assert verdicts(machine, pinned, node) == [("pass", "because")] * 2
        machine.have("/proc/77/status", "Cpus_allowed_list:\t0\n")
        assert apply(machine, pinned, node).restart == ["nats.service"]

    def test_a_slice_without_a_process_is_read_as_it_will_be_made(self, machine: FakeMachine) -> None:
        bounds = {
            "name": "slice", "kind": "ini", "path": "/etc/systemd/system/cift.slice.d/60-cift-plan.conf",
            "section": "Slice", "key": "AllowedCPUs", "value": "2-3", "form": "cpus",
            "live": {"unit": "cift.slice", "property": "EffectiveCPUs"},
        }  # fmt: skip
        apply(machine, bounds)
        machine.answers = {
            "systemctl show cift.slice --property=LoadState": "loaded\n",
            "systemctl show cift.slice --property=ActiveState": "inactive\n",
            "systemctl show cift.slice --property=AllowedCPUs": "2-3\n",
        }
        assert verdicts(machine, bounds)[0][0] == "pass"
        machine.answers["systemctl show cift.slice --property=ActiveState"] = "active\n"
        assert verdicts(machine, bounds)[0][0] != "pass", "an active slice has CPUs"

    def test_repeated_keys_and_mounts(self, machine: FakeMachine) -> None:
        path = "/etc/systemd/network/60-cift.link"
        match = {"kind": "ini", "path": path, "section": "Match", "key": "MACAddress", "name": "m", "value": ["a", "b"]}
        noatime = {"name": "noatime", "kind": "mount", "path": "/var/lib", "value": "noatime"}
        machine.answers = {"findmnt": "rw,relatime\n", "findmnt --noheadings --output TARGET": "/var\n"}
        machine.write = lambda name, text: None  # type: ignore[method-assign]
        done = apply(machine, match, noatime)
        assert "mount -o remount,noatime /var" in machine.ran
        assert "systemctl enable cift-mounts.service" in machine.ran
        assert done.failed == ["noatime: asked for noatime, the kernel has rw,relatime (before: rw,relatime)"]
        machine.answers = {"findmnt": "rw,noatime\n"}
        assert [verdict for verdict, _ in verdicts(machine, match, noatime)] == ["pass", "pass"]


def test_sets_of_cpus() -> None:
    for text in ("0", "0-3,8", "31-32,64"):
        cpus = parse_list(text)
        assert format_list(cpus) == text
        assert parse_mask(format_mask(cpus)) == cpus
    assert format_mask([]) == "00000000"
    assert format_list([]) == ""


def test_persistent_follows_systemd_s_precedence(machine: FakeMachine) -> None:
    from ansible.module_utils.setting_sysctl import live_path, persistent

    machine.have("/usr/lib/sysctl.d/10-a.conf", "vm.swappiness = 60\nvm.overcommit_memory = 0")
    machine.have("/etc/sysctl.d/10-a.conf", "# takes the place of the vendor's whole file\n-vm.swappiness = 10")
    machine.have("/usr/lib/sysctl.d/90-z.conf", "net.ipv4.tcp_rmem = 4096\t87380  6291456")
    assert persistent(machine) == {"vm.swappiness": "10", "net.ipv4.tcp_rmem": "4096 87380 6291456"}
    assert live_path("net.ipv4.conf.eth0/7.forwarding") == "/proc/sys/net/ipv4/conf/eth0.7/forwarding"
    assert live_path("net/ipv4/conf/eth0.7/forwarding") == "/proc/sys/net/ipv4/conf/eth0.7/forwarding"
