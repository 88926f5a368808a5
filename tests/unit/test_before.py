"""The copy of what a host had: opened, closed, interrupted, damaged, restored; on a host in a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_code import load

watch = load("before/module_utils/before_watch.py")
store = load("before/module_utils/before_store.py")
restore = load("before/module_utils/before_restore.py")

WATCHED = ["/etc/sysctl.d", "/etc/default/grub", "/etc/default/grub.d", "/etc/systemd"]


class Host:
    """A folder with a kernel's files in it, and the programs that a restore calls."""

    def __init__(self, root: Path) -> None:
        self.root, self.called, self.active = root, [], {"irqbalance.service": "active", "nic.service": "inactive"}
        self.rings = {"rx": "256", "tx": "256"}
        for name, text in {
            "etc/sysctl.d/10-own.conf": "vm.swappiness = 60\n",
            "etc/default/grub": "GRUB_TIMEOUT=5\n",
            "etc/systemd/system/irqbalance.service": "[Unit]\n",
            "proc/sys/vm/swappiness": "60\n",
            "proc/sys/net/ipv4/conf/eth0.7/rp_filter": "1\n",
            "proc/sys/kernel/ns_last_pid": "77\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
            "proc/irq/24/smp_affinity_list": "0-3\n",
            "proc/irq/24/eth0-rx-0/x": "",
            "sys/class/net/eth0/device/x": "",
        }.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def run(self, words: list[str]) -> tuple[int, str, str]:
        self.called.append(" ".join(words))
        if words[:2] == ["systemctl", "list-unit-files"]:
            return 0, "".join(f"{name} enabled enabled\n" for name in self.active), ""
        if words[:2] == ["systemctl", "list-units"]:
            return 0, "".join(f"{name} loaded {state} x A unit\n" for name, state in self.active.items()), ""
        if words[0] == "systemctl" and words[1] in ("start", "stop") and words[2] in self.active:
            self.active[words[2]] = "active" if words[1] == "start" else "inactive"
        if words[:2] == ["ethtool", "-g"]:
            text = "".join(f"{name.upper()}:\t\t{value}\n" for name, value in self.rings.items())
            return (
                0,
                f"Pre-set maximums:\nRX:\t4096\nCurrent hardware settings:\n{text}RX Mini:\tn/a\n",
                "",
            )
        if words[:2] == ["ethtool", "-G"]:
            self.rings[words[3]] = words[4]
        if words[0] == "ethtool" and words[1] in ("-l", "-c"):
            return 76, "", "Operation not supported"
        return 0, "", ""

    def now(self) -> Any:
        return watch.snapshot(self.root, WATCHED, self.run)

    def tune(self) -> None:
        """What a run of tuning does."""
        self.write("etc/sysctl.d/10-own.conf", "vm.swappiness = 10\n")
        self.write("etc/sysctl.d/60-cift-kernel.conf", "vm.swappiness = 10\n")
        self.write("etc/default/grub.d/60-cift.cfg", "X=1\n")
        self.write("etc/systemd/system/cift-irq.timer", "[Timer]\n")
        (self.root / "etc/systemd/system/irqbalance.service").unlink()
        (self.root / "etc/systemd/system/irqbalance.service").symlink_to("/dev/null")
        self.write("proc/sys/vm/swappiness", "10\n")
        self.write("proc/sys/net/ipv4/conf/eth0.7/rp_filter", "2\n")
        self.write("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n")
        self.write("proc/irq/24/smp_affinity_list", "0\n")
        self.active |= {"irqbalance.service": "inactive", "nic.service": "active"}
        self.rings["rx"] = "4096"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_only_what_the_run_changed_is_remembered(host: Host) -> None:
    copy = store.Store(host.root)
    assert copy.open(host.now())
    host.tune()
    changed = copy.close(host.now())
    assert changed == {
        "files": [
            "/etc/default/grub.d", "/etc/default/grub.d/60-cift.cfg", "/etc/sysctl.d/10-own.conf",
            "/etc/sysctl.d/60-cift-kernel.conf", "/etc/systemd/system/cift-irq.timer",
            "/etc/systemd/system/irqbalance.service",
        ],
        "values": [
            "irq:eth0-rx-0", "kernel:/sys/kernel/mm/transparent_hugepage/enabled", "nic:eth0:rings:rx",
            "sysctl:net.ipv4.conf.eth0/7.rp_filter", "sysctl:vm.swappiness",
        ],
        "units": ["irqbalance.service", "nic.service"],
    }  # fmt: skip
    kept = {entry["sha256"] for entry in copy.first()["files"].values() if entry and entry["kind"] == "file"}
    assert {path.name for path in (host.root / store.PLACE / "objects").iterdir()} == kept
    assert (host.root / store.PLACE).stat().st_mode & 0o777 == 0o700


def test_a_restore_gives_all_of_it_back_and_removes_the_rest(host: Host) -> None:
    before = host.now()
    copy = store.Store(host.root)
    copy.open(before)
    host.tune()
    copy.close(host.now())
    host.write("etc/sysctl.d/90-somebody.conf", "later\n")
    rows = restore.rows(host.root, copy, host.run)
    assert {row["verdict"] for row in rows} == {"fail", "reboot"}

    done = restore.Restore(host.root, copy, host.run)
    done.all()
    assert done.problems == []
    host.write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")  # as a kernel prints it
    (host.root / "etc/sysctl.d/90-somebody.conf").unlink()
    assert host.now() == before
    assert {row["verdict"] for row in restore.rows(host.root, copy, host.run)} == {"pass"}
    assert "update-grub" in host.called
    assert host.called.index("systemctl stop cift-irq.timer") < host.called.index("systemctl daemon-reload")
    assert "systemctl start irqbalance.service" in host.called
    host.write("proc/irq/24/smp_affinity_list", "2\n")  # irqbalance is at work again
    moved = [row for row in restore.rows(host.root, copy, host.run) if row["verdict"] != "pass"]
    assert [(row["setting"], row["verdict"]) for row in moved] == [("irq:eth0-rx-0", "skip")]
    assert moved[0]["why"].startswith("irqbalance")
    host.write("proc/irq/24/smp_affinity_list", "0-3\n")

    again = restore.Restore(host.root, copy, host.run)
    again.all()
    assert again.changed == []
    copy.forget()
    assert not (host.root / store.PLACE).exists()
    assert copy.first() == {"files": {}, "values": {}, "units": {}}


def test_the_first_value_ever_seen_is_kept(host: Host) -> None:
    copy = store.Store(host.root)
    copy.open(host.now())
    host.tune()
    copy.close(host.now())
    copy.open(host.now())
    host.write("proc/sys/vm/swappiness", "1\n")
    host.write("etc/sysctl.d/60-cift-kernel.conf", "vm.swappiness = 1\n")
    assert copy.close(host.now()) == {"files": [], "values": [], "units": []}
    assert copy.first()["values"]["sysctl:vm.swappiness"] == "60"
    assert copy.first()["files"]["/etc/sysctl.d/60-cift-kernel.conf"] is None


def test_a_run_that_was_cut_off_goes_on_from_what_was_before_it(host: Host) -> None:
    copy = store.Store(host.root)
    copy.open(host.now())
    host.tune()
    assert not copy.open(host.now())
    copy.close(host.now())
    assert copy.first()["values"]["sysctl:vm.swappiness"] == "60"
    assert copy.close(host.now()) == {"files": [], "values": [], "units": []}


def test_a_damaged_copy_restores_nothing(host: Host) -> None:
    copy = store.Store(host.root)
    copy.open(host.now())
    host.tune()
    copy.close(host.now())
    tuned = host.now()
    damaged = next((host.root / store.PLACE / "objects").iterdir())
    content = damaged.read_bytes()
    damaged.write_bytes(b"x")
    with pytest.raises(store.StoreError, match="was changed: its content has another digest"):
        restore.Restore(host.root, copy, host.run).all()
    assert host.now() == tuned
    damaged.unlink()
    with pytest.raises(store.StoreError, match="is gone"):
        restore.Restore(host.root, copy, host.run).all()
    damaged.write_bytes(content)

    first = host.root / store.PLACE / "first.json"
    outer = json.loads(first.read_text())
    first.write_text(json.dumps(outer | {"data": outer["data"].replace("60", "61")}))
    with pytest.raises(store.StoreError, match="its checksum is wrong"):
        copy.first()


def test_what_the_kernel_refuses_is_named_and_the_rest_is_restored(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = store.Store(host.root)
    copy.open(host.now())
    host.tune()
    copy.close(host.now())
    real = Path.write_text

    def refuse(path: Path, text: str, **more: Any) -> int:
        if path.name == "smp_affinity_list":
            raise OSError(5, "Input/output error")
        return real(path, text, **more)

    monkeypatch.setattr(Path, "write_text", refuse)
    done = restore.Restore(host.root, copy, host.run)
    done.all()
    assert done.problems == ["irq:eth0-rx-0: the kernel refuses 0-3 (Input/output error)"]
    assert watch.read(host.root / "proc/sys/vm/swappiness") == "60"


def test_a_folder_of_tuning_with_files_of_others_stays(host: Host) -> None:
    copy = store.Store(host.root)
    copy.open(host.now())
    host.tune()
    copy.close(host.now())
    host.write("etc/default/grub.d/50-others.cfg", "Y=1\n")
    done = restore.Restore(host.root, copy, host.run)
    done.all()
    assert done.problems == ["/etc/default/grub.d was not there, and now has files of others: it stays"]
    assert (host.root / "etc/default/grub.d/50-others.cfg").exists()


def test_links_and_modes_are_part_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("x")
    os.chmod(file, 0o640)  # noqa: PTH101 - what the module reads back
    assert watch.entry(file)["mode"] == "0640"
    link = tmp_path / "b"
    link.symlink_to("a")
    assert watch.entry(link)["target"] == "a"
    assert watch.entry(tmp_path / "c") is None


def test_ethtool_prints_only_what_can_be_set() -> None:
    channels = "Pre-set maximums:\nRX:\tn/a\nCombined:\t8\nCurrent hardware settings:\nRX:\tn/a\nCombined:\t4\n"
    assert watch.ethtool("channels", channels) == {"combined": "4"}
    coalescing = "Coalesce parameters for igb:\nAdaptive RX: n/a  TX: n/a\nrx-usecs:\t3\nrx-frames:\tn/a\n"
    assert watch.ethtool("coalescing", coalescing) == {"rx-usecs": "3"}
