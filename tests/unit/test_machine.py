"""Virtual machines: qemu's command line, what qemu says, the seed, the accelerator's trial; what needs no root."""

from __future__ import annotations

import io
import ipaddress
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from cift.ops.machine import accelerator, emulator, hardware, image, owner, power, preflight, qmp, rack, seed
from cift.ops.machine.emulator import Emulator
from cift.ops.machine.hardware import Machine
from cift.ops.sandbox import ssh, unpacked
from cift.ops.sandbox.errors import RefusedError, SandboxError
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import HostRecord


def options(argv: list[str], name: str) -> list[str]:
    return [argv[number + 1] for number, word in enumerate(argv) if word == name]


def test_the_machine_has_four_cpus_on_two_nodes_and_three_cards() -> None:
    machine = Machine(11, "tcg")
    argv = hardware.command(Emulator(), machine, hardware.cards(machine))
    assert options(argv, "-smp") == ["4,sockets=2,cores=2,threads=1"]
    assert options(argv, "-numa") == [
        "node,nodeid=0,cpus=0-1,memdev=memory0", "node,nodeid=1,cpus=2-3,memdev=memory1", "dist,src=0,dst=1,val=20",
    ]  # fmt: skip
    devices = options(argv, "-device")
    assert [device.split(",")[0] for device in devices if "netdev" in device] == [
        "virtio-net-pci",
        "igb",
        "virtio-net-pci",
    ]
    assert "pxb-pcie,id=bus1,bus=pcie.0,bus_nr=64,numa_node=1" in devices
    queues = next(netdev for netdev in options(argv, "-netdev") if "ifname=virtio" in netdev)
    assert f"queues={hardware.QUEUES}" in queues
    assert len({machine.mac(card) for card in hardware.CARDS}) == len(hardware.CARDS)
    assert options(argv, "-action") == ["reboot=shutdown"], "a reset ends qemu, and the supervisor starts another"


def test_each_accelerator_has_a_cpu_that_it_can_give() -> None:
    assert options(hardware.command(Emulator(), Machine(11, "kvm")), "-cpu") == ["host"]
    assert options(hardware.command(Emulator(), Machine(11, "tcg")), "-cpu") == ["EPYC-Milan"]


def test_an_unpacked_emulator_runs_by_its_own_loader(tmp_path: Path) -> None:
    words = Emulator(tmp_path).system
    assert words[0] == str(tmp_path / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    assert str(tmp_path / "usr/bin/qemu-system-x86_64") in words
    assert options(words, "-L") == [str(tmp_path / "usr/share/seabios"), str(tmp_path / "usr/share/qemu")]
    assert Emulator().image == ["qemu-img"]


def test_a_program_of_a_newer_release_is_put_on_a_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def bootstrap(draft: Path, codename: str, packages: tuple[str, ...], say: object, *, variant: str) -> None:
        assert (codename, packages, variant) == ("trixie", ("echo",), "extract")
        libraries = draft / "root" / unpacked.LIBRARIES
        libraries.mkdir(parents=True)
        # A loader that says what it was told.
        (libraries / "ld-linux-x86-64.so.2").write_text('#!/bin/sh\nshift 2; echo "$@"\n')
        (libraries / "ld-linux-x86-64.so.2").chmod(0o755)

    monkeypatch.setattr(unpacked.base, "bootstrap", bootstrap)
    assert unpacked.main(["echo", str(tmp_path)]) == 0
    said = subprocess.run([tmp_path / "echo", "a b", "c"], capture_output=True, text=True, check=True).stdout
    assert said.endswith("/usr/bin/echo a b c\n")
    assert "unpacking echo of Debian 13" in capsys.readouterr().out
    assert unpacked.main(["echo"]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_release_that_cannot_be_had_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def bootstrap(*_: object, **__: object) -> None:
        raise SandboxError("no such release")

    monkeypatch.setattr(unpacked.base, "bootstrap", bootstrap)
    assert unpacked.main(["valkey-server", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "valkey-server: no such release\n"
    assert not (tmp_path / "valkey-server").exists()


def test_the_machines_own_emulator_is_used_if_it_knows_the_card(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(emulator.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(emulator, "has_card", lambda found: True)
    assert emulator.ensure(tmp_path, lambda _: None) == Emulator()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}\n', qmp.RESET),
        ('{"return": {}}\n{"event": "SHUTDOWN", "data": {"reason": "guest-shutdown"}}\n', qmp.POWER_OFF),
        ('{"QMP": {}}\n{"event": "NIC_RX_FILTER_CHANGED"}\n{"event": "SHUT', None),
        ("[]\n", None),
        ("", None),
    ],
)
def test_a_reset_is_told_from_a_power_off_and_from_a_kill(said: str, expected: str | None) -> None:
    assert qmp.end(io.StringIO(said)) == expected


def test_the_seed_has_the_machines_name_keys_and_addresses(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "rack", tmp_path / "cache")
    layout.host("metal-1").mkdir(parents=True)
    ssh.ensure_key(layout)
    record = HostRecord("metal-1", "trixie", "10.77.3.11", "/image")
    machine = Machine(11, "tcg")
    subnet = ipaddress.IPv4Network("10.77.3.0/24")
    first = seed.write(layout, record, machine, subnet).read_bytes()
    with tarfile.open(layout.host("metal-1") / "seed.tar") as tar:
        members = {member.name: member for member in tar.getmembers()}
        assert all(member.isfile() and member.uid == 0 for member in members.values())
        assert members["etc/ssh/ssh_host_ed25519_key"].mode & 0o077 == 0
        assert "etc/machine-id" not in members
        rules = tar.extractfile("etc/udev/rules.d/90-machine.rules")
        assert rules is not None
        igb = next(line for line in rules.read().decode().splitlines() if machine.mac("igb") in line)
    assert "ip address replace 198.18.1.11/24 dev $name" in igb
    key = (layout.host("metal-1") / "seed/etc/ssh/ssh_host_ed25519_key").read_bytes()
    seed.write(layout, record, machine, subnet)
    assert (layout.host("metal-1") / "seed/etc/ssh/ssh_host_ed25519_key").read_bytes() == key
    assert first


def test_kvm_is_believed_only_after_a_stock_kernel_booted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tries: list[Path | None] = []

    def fails(_emulator: Emulator, kernel: Path | None) -> tuple[bool, str]:
        tries.append(kernel)
        return False, "it died"

    monkeypatch.setattr(accelerator, "_try", fails)
    kernel = tmp_path / "vmlinuz"
    for _ in range(2):
        answer = accelerator.choose(tmp_path, Emulator(), kernel)
        assert (answer.works, answer.why) == (False, "it died")
    assert len(tries) == 1, "tried once for each boot of this machine and each kernel"
    (tmp_path / "kvm.json").write_text("{")
    accelerator.choose(tmp_path, Emulator(), kernel)
    assert len(tries) == 2


def test_the_trial_of_kvm_ends_in_time_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    monkeypatch.setattr(accelerator, "DEVICE", device)
    assert accelerator._try(Emulator(), tmp_path) == (False, f"no {device}")
    device.touch()
    monkeypatch.setattr(accelerator, "TIMEOUT", 0.2)
    slow = tmp_path / "qemu-system-x86_64"
    slow.write_text("#!/bin/sh\nexec sleep 5\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "does not boot under" in accelerator._try(Emulator(), tmp_path)[1]
    slow.write_text("#!/bin/sh\necho 'Kernel panic - not syncing: VFS'\n")
    monkeypatch.setattr(accelerator, "TIMEOUT", 10)
    assert accelerator._try(Emulator(), tmp_path)[0]
    slow.write_text("#!/bin/sh\necho kvm_buf_set_msrs >&2; exit 134\n")
    assert accelerator._try(Emulator(), tmp_path) == (False, "kvm_buf_set_msrs")


def test_an_image_follows_from_its_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.key("trixie")
    assert before == image.key("trixie")
    assert before.startswith("machine-trixie-")
    monkeypatch.setattr(image, "RECIPE", "another")
    assert image.key("trixie") != before


def test_bad_input_is_refused_before_anything_is_begun(tmp_path: Path) -> None:
    shelf = rack.Rack(Layout(tmp_path / "rack", tmp_path / "cache"))
    with pytest.raises(RefusedError, match="release '11' is not known"):
        shelf.up(["a"], "11")
    with pytest.raises(RefusedError, match="name 'A_b' is not usable"):
        shelf.up(["A_b"])
    with pytest.raises(RefusedError, match="accelerator 'hvf' is not known; expected one of auto, kvm, tcg"):
        shelf.up(["a"], accelerate="hvf")
    with pytest.raises(RefusedError, match=r"no machine 'a' in .*; there are: none"):
        shelf.find("a")
    assert not (tmp_path / "rack").exists()


def test_what_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight.preflight, "check_root", lambda: None)
    monkeypatch.setattr(preflight.preflight, "control_groups", lambda: iter(()))
    monkeypatch.setattr(preflight, "TUN", tmp_path / "tun")
    # Nothing else may be missing: on a fresh machine the unit tests run before fdisk and qemu are installed.
    monkeypatch.setattr(preflight, "COMMANDS", {"no-such-program": "no-such-package"})
    with pytest.raises(
        RefusedError, match=r"not installed: no-such-program; apt-get install no-such-package; .*tun can't"
    ):
        preflight.check()


def test_waiting_ends_with_a_sentence() -> None:
    with pytest.raises(SandboxError, match=r"it sleeps within 0 s"):
        power._until(lambda: False, lambda: True, "it sleeps", 0)
    with pytest.raises(SandboxError, match=r"it sleeps: it stopped"):
        power._until(lambda: False, lambda: False, "it sleeps", 9)


def test_the_accelerator_is_read_from_the_command(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "cache")
    assert power.accelerator(layout, "a") == "-"
    layout.host("a").mkdir(parents=True)
    (layout.host("a") / "qemu.json").write_text('["qemu", "-accel", "tcg,thread=single"]')
    assert power.accelerator(layout, "a") == "tcg"


def test_the_owner_is_attended_until_it_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(owner, "booting", lambda _layout: ["metal-1: boot 2, 10 s since power-on"])
    told: list[str] = []
    layout = Layout(tmp_path / "rack", tmp_path / "cache")
    with subprocess.Popen(["sleep", "0.5"]) as process:
        owner.attend(layout, process.pid, told.append, period=0.1)
        assert process.wait(0) == 0, "it was waited for"
    assert set(told) == {"metal-1: boot 2, 10 s since power-on"}
    owner.attend(layout, process.pid, told.append)  # it is gone already


def test_a_rack_that_somebody_else_opened_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    removed: list[Path] = []
    monkeypatch.setattr(owner.Rack, "down", lambda shelf: removed.append(shelf.layout.root))
    root, gone = tmp_path / "rack", subprocess.Popen(["true"])
    gone.wait()
    owner.main(str(root), str(tmp_path), f"{gone.pid} 1")
    root.mkdir()
    (root / owner.FILE).write_text("1 2")
    owner.main(str(root), str(tmp_path), f"{gone.pid} 1")
    assert removed == []
    (root / owner.FILE).write_text(f"{gone.pid} 1")
    owner.main(str(root), str(tmp_path), f"{gone.pid} 1")
    assert removed == [root]


def test_an_owner_must_run(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="owner 0: no such process"):
        owner.start(Layout(tmp_path / "rack", tmp_path / "cache"), 0)
    assert not (tmp_path / "rack").exists()


def test_the_owner_is_told_on_its_own_standard_error(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as said, subprocess.Popen(["sleep", "5"], stderr=said) as process:
        owner.teller(process.pid)("metal-1: running")
        process.kill()
    assert (tmp_path / "said").read_text() == "metal-1: running\n"
    owner.teller(process.pid)("nobody hears it")


def test_a_guest_compiles_what_ansible_sends_only_once(tmp_path: Path) -> None:
    sent, kept = tmp_path / "sent.zip", tmp_path / "kept"
    script = (
        f"import sys; sys.path[:0] = [{str(sent)!r}, {str(image.GUEST / 'usr/lib/python3/dist-packages')!r}]\n"
        f"import cift_compiled; cift_compiled.FOLDER = {str(kept)!r}\n"
        "import answer; print(answer.VALUE)"
    )

    def run(value: int) -> str:
        with zipfile.ZipFile(sent, "w") as archive:
            archive.writestr("answer.py", f"VALUE = {value}\n")
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert [run(1), run(1), run(2)] == ["1\n", "1\n", "2\n"]
    assert len(list(kept.iterdir())) == 2, "one for each source, not for each name"
    for path in kept.iterdir():
        path.write_bytes(b"broken")
    assert run(1) == "1\n"
