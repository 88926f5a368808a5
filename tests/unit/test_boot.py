"""The boot-once machinery: its state machine, GRUB's files, and a host that is killed at every moment."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_code import load

state = load("boot/module_utils/boot_state.py")
grub = load("boot/module_utils/boot_grub.py")
live = load("boot/module_utils/boot_live.py")
rows = load("boot/module_utils/boot_rows.py")
host = load("boot/module_utils/boot_host.py")

OLD, NEW = state.Words("console=ttyS0", ""), state.Words("console=ttyS0", "isolcpus=1-3 nohz_full=1-3")
BASE = "BOOT_IMAGE=/boot/vmlinuz root=UUID=1 ro "


def running(words: Any, wanted: Any, *, boot: str = "b1", trial: bool = False) -> Any:
    mark = f" {state.TRIAL}={words.digest}" if trial else ""
    return state.Live(boot, BASE + words.line + mark, wanted)


@pytest.mark.parametrize(
    ("record", "now", "expected"),
    [
        (state.Record(OLD), running(OLD, OLD), "settled"),
        (state.Record(OLD), running(OLD, NEW), "pending"),
        (state.Record(OLD, NEW.digest, "b1"), running(OLD, NEW), "armed"),
        (state.Record(OLD, NEW.digest, "b0"), running(NEW, NEW, trial=True), "trial"),
        # Rebooted by somebody between the order and the record of it.
        (state.Record(OLD), running(NEW, NEW, trial=True), "trial"),
        (state.Record(OLD, NEW.digest, "b0"), running(OLD, NEW), "fellback"),
        (state.Record(OLD, failures={NEW.digest: "it died"}), running(OLD, NEW), "failed"),
        (state.Record(OLD, proving=NEW), running(NEW, NEW, trial=True), "proving"),
        (state.Record(NEW), running(NEW, NEW, trial=True), "settled"),
        (state.Record(NEW), running(NEW, NEW), "settled"),
        (state.Record(NEW), running(OLD, NEW), "restart"),
        # What is on trial is no longer what is wanted.
        (
            state.Record(OLD, NEW.digest, "b0"),
            running(NEW, state.Words("console=ttyS0", "quiet"), trial=True),
            "pending",
        ),
        # Refused, and the wish was taken back while the trial runs on.
        (state.Record(OLD, failures={NEW.digest: "x"}), running(NEW, OLD, trial=True), "restart"),
    ],
)
def test_what_is_the_case_shows_itself(record: Any, now: Any, expected: str) -> None:
    assert state.situation(record, now) == expected
    assert state.Record.parse(record.dump()) == record


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "proven": {"linux": "a", "x": 1}}'])
def test_a_record_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(state.BadRecordError):
        state.Record.parse(text)


def test_only_a_running_trial_can_be_proven() -> None:
    with pytest.raises(ValueError, match="a new command line waits"):
        state.proving(state.Record(OLD), running(OLD, NEW))


def test_a_host_that_never_was_guarded_has_proven_what_it_runs_with() -> None:
    assert state.first_proven(running(OLD, OLD)) == OLD
    assert state.first_proven(running(OLD, NEW)).line == OLD.line


def test_quoted_words_stay_whole_and_an_odd_quote_is_no_error() -> None:
    assert state.split('a="b c" d') == ["a=b c", "d"]
    assert state.split('a="b c') == ['a="b', "c"]


def test_the_trial_entry_is_the_first_one_with_other_words(tmp_path: Path) -> None:
    """The script itself, with a 10_linux that prints what it is given."""
    fake = tmp_path / "10_linux"
    fake.write_text(
        "#!/bin/sh\n[ $GRUB_DISABLE_SUBMENU = true ] || exit 9\n"
        "for name in first recovery; do\n"
        "echo \"menuentry 'Debian, $name' --class debian \\$menuentry_id_option 'gnulinux-$name' {\"\n"
        'echo "\tlinux /boot/vmlinuz root=UUID=1 ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"\necho "}"\ndone\n'
    )
    fake.chmod(0o755)
    script = grub.SCRIPT_TEXT.replace("/etc/grub.d/10_linux", str(fake))

    def menu(wanted: Any) -> str:
        environment = {
            "PATH": "/usr/bin:/bin", "CIFT_TRIAL_PANIC": "7", "GRUB_CMDLINE_LINUX": OLD.linux,
            "GRUB_CMDLINE_LINUX_DEFAULT": OLD.default, "CIFT_WANTED_LINUX": f" {wanted.linux}  ",
            "CIFT_WANTED_DEFAULT": wanted.default,
        }  # fmt: skip
        return subprocess.run(["sh", "-c", script], env=environment, check=True, capture_output=True, text=True).stdout

    assert menu(OLD) == ""
    found = grub.entries(menu(NEW))
    assert list(found) == [grub.ENTRY]
    assert found[grub.ENTRY][-5:] == [*NEW.line.split(), "panic=7", f"{state.TRIAL}={NEW.digest}"]
    assert "panic=7" not in menu(state.Words("panic=30"))
    assert (
        subprocess.run(["sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, check=True, capture_output=True).stdout
        == b""
    )


def test_entries_of_a_menu_by_their_ids() -> None:
    menu = (
        "set default=\"${saved_entry}\"\nmenuentry 'Debian' --class debian $menuentry_id_option 'gnulinux-simple-1' {\n"
        "\tinsmod ext2\n\tlinux\t/boot/vmlinuz root=UUID=1 ro quiet\n\tinitrd /boot/initrd\n}\n"
        "submenu 'Advanced' {\n\tmenuentry 'old' --id old {\n\t\tlinux /boot/old ro\n\t}\n}\n"
        "menuentry 'no id' {\nlinux16 /x y\n}\n"
    )
    assert grub.entries(menu) == {
        "gnulinux-simple-1": ["/boot/vmlinuz", "root=UUID=1", "ro", "quiet"], "old": ["/boot/old", "ro"],
        "no id": ["/x", "y"],
    }  # fmt: skip


def test_grub_that_cannot_clear_its_order_is_refused(tmp_path: Path) -> None:
    assert "GRUB doesn't start this host" in grub.refusal(tmp_path, "", "ext2")
    (tmp_path / "boot/loader/entries").mkdir(parents=True)
    assert "systemd-boot starts this host" in grub.refusal(tmp_path, "", "ext2")
    (tmp_path / "boot/grub").mkdir()
    (tmp_path / grub.MENU).touch()
    assert grub.refusal(tmp_path, "", "ext2") is None
    assert "on lvm" in grub.refusal(tmp_path, "lvm", "ext2")
    assert "on btrfs" in grub.refusal(tmp_path, "", "btrfs")


def test_what_the_arguments_brought_is_read_from_the_kernel(tmp_path: Path) -> None:
    files = {
        "sys/devices/system/cpu/isolated": "1-3\n", "sys/devices/system/cpu/nohz_full": "(null)\n",
        "proc/irq/default_smp_affinity": "00000000,00000001\n",
        "sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]\n",
        "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages": "32\n",
        "sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages": "0\n",
        "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "3\n",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    words = ["isolcpus=managed_irq,domain,1-3", "nohz_full=1-3", "irqaffinity=0", "transparent_hugepage=never"]
    words += ["skew_tick=1", "hugepages=0:32,1:16", "hugepagesz=1G", "hugepages=2"]
    assert live.findings(words, tmp_path) == [
        ("isolated CPUs", "1-3", "1-3"),
        ("CPUs without ticks", "1-3", "none"),
        ("default CPUs of interrupts", "0", "0"),
        ("transparent huge pages", "never", "never"),
        ("huge pages of 2048 kB on node 0", "32", "32"),
        ("huge pages of 2048 kB on node 1", "16", "0"),
        ("huge pages of 1048576 kB", "2", "2"),
    ]
    assert live.findings(["isolcpus=1"], tmp_path / "nowhere") == [("isolated CPUs", "1", None)]
    verdicts = [row["verdict"] for row in rows.brought("h", "settled", words, tmp_path)]
    assert verdicts == ["pass", "fail", "pass", "pass", "pass", "fail", "pass"]
    assert "reboot" in [row["verdict"] for row in rows.brought("h", "pending", words, tmp_path)]


def test_cpu_lists_and_masks() -> None:
    assert live.cpus("managed_irq,0-2,8") == {0, 1, 2, 8}
    assert live.listed({0, 1, 2, 8}) == "0-2,8"
    assert live.masked("3,00000001") == {0, 32, 33}


class KilledError(Exception):
    """The run was cut off here."""


class FakeHost(host.Host):
    """A host in a folder: GRUB's programs are played, the shell is real. `kill_after` effects the run is cut off."""

    def __init__(self, root: Path, kill_after: int | None = None) -> None:
        super().__init__(root, self.program)
        self.effects, self.kill_after = 0, kill_after

    def _effect(self) -> None:
        if self.kill_after is not None and self.effects >= self.kill_after:
            raise KilledError
        self.effects += 1

    def _put(self, path: str, text: str, mode: int = 0o644) -> bool:
        before = (self.root / path).read_text() if (self.root / path).exists() else None
        if before != text:
            self._effect()
        return super()._put(path, text, mode)

    def program(self, words: list[str]) -> tuple[int, str, str]:
        if words[0] == "sh":
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr
        if words[0] == "grub-probe":
            return 0, "ext2\n" if "fs" in words[1] else "\n", ""
        self._effect()
        if words[0] == "update-grub":
            self.update_grub()
        elif words[0] == "grub-editenv":
            block = self.root / grub.ENVIRONMENT
            block.write_text(f"# GRUB\n{words[3]}\n" if words[2] == "set" else "# GRUB\n")
        elif words[:2] == ["systemctl", "enable"]:
            link = self.root / host.UNITS / "timers.target.wants" / words[2]
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"../{words[2]}")
        return 0, "", ""

    def update_grub(self) -> None:
        wanted = self._wanted()[0]
        dropin = self.root / grub.DROPIN
        printed = subprocess.run(
            ["sh", "-ec", f'. {dropin}; printf "%s\\0" "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_DEFAULT"'],
            capture_output=True, text=True, check=True,
        ).stdout.split("\0") if dropin.exists() else [wanted.linux, wanted.default]  # fmt: skip
        proven = state.Words(printed[0], printed[1])
        menu = 'set default="${saved_entry}"\n' if dropin.exists() else 'set default="0"\n'
        menu += f"menuentry 'Debian' --id debian {{\nlinux /vmlinuz root=UUID=1 ro {proven.line}\n}}\n"
        if dropin.exists() and (self.root / grub.SCRIPT).exists() and wanted.line != proven.line:
            mark = f"panic=9 {state.TRIAL}={wanted.digest}"
            menu += f"menuentry 'trial' --id {grub.ENTRY} {{\nlinux /vmlinuz root=UUID=1 ro {wanted.line} {mark}\n}}\n"
        (self.root / grub.MENU).write_text(menu)

    def boot(self) -> None:
        """What GRUB and the kernel do; a kernel with `bad` on its command line dies, and is reset."""
        block = self.root / grub.ENVIRONMENT
        chosen = grub.environment(block.read_bytes()).get("next_entry", "")
        block.write_text("# GRUB\n")
        entries = grub.entries((self.root / grub.MENU).read_text())
        words = entries.get(chosen) or next(iter(entries.values()))
        if "bad" in words:
            assert any(word.startswith("panic=") for word in words)
            words = next(iter(entries.values()))
            assert "bad" not in words, "the default entry has a command line that was never proven"
        (self.root / "proc/cmdline").write_text(" ".join(words) + "\n")
        counter = self.root / "proc/sys/kernel/random/boot_id"
        counter.write_text(f"boot-{int(counter.read_text().rpartition('-')[2]) + 1}\n")

    def case(self) -> str:
        return str(state.situation(self.record(), self.live()))

    def default(self) -> list[str]:
        return list(grub.entries(self.read(grub.MENU))["debian"])


def fresh_host(tmp_path: Path) -> Path:
    for folder in ("proc/sys/kernel/random", "etc/default/grub.d", "boot/grub", "etc/grub.d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/default/grub").write_text('GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX="console=ttyS0"\n')
    (tmp_path / grub.ENVIRONMENT).write_text("# GRUB\n")
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("boot-0\n")
    fresh = FakeHost(tmp_path)
    fresh.update_grub()
    fresh.boot()
    return tmp_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fresh_host(tmp_path)


def ask(root: Path, words: str) -> None:
    """What the role that owns the kernel's arguments does."""
    (root / "etc/default/grub.d/60-cift.cfg").write_text(
        f'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {words}"\n'
    )
    FakeHost(root).update_grub()


def play(root: Path, kill_after: int | None = None) -> str:
    """One run of the role, with reboots and a proof that always passes; returns what is the case at its end."""
    here = FakeHost(root, kill_after)
    here.guard(9, 900)
    if here.case() in ("pending", "armed", "restart"):
        if here.case() != "restart":
            here.arm()
        here.boot()
        here.judge()
    if here.case() == "trial":
        here.prove()
    return here.case()


def test_a_good_command_line_is_tried_then_becomes_the_default(root: Path) -> None:
    here = FakeHost(root)
    assert here.guard(9, 900)
    assert not here.guard(9, 900)
    ask(root, "isolcpus=1-3")
    assert here.default()[-1] == "console=ttyS0", "the default entry waits for the proof"
    assert here.case() == "pending"
    assert play(root) == "settled"
    assert here.default()[-1] == "isolcpus=1-3"
    assert grub.ENTRY not in grub.entries(here.read(grub.MENU))
    here.boot()
    assert here.case() == "settled"
    assert not here.guard(9, 900), "the second run changes nothing"


def test_a_bad_one_costs_two_boots_and_is_not_tried_again(root: Path) -> None:
    here = FakeHost(root)
    here.guard(9, 900)
    ask(root, "bad")
    assert play(root) == "failed"
    assert here.default()[-1] == "console=ttyS0"
    assert play(root) == "failed"
    assert not here.guard(9, 900), "a failure is no change"
    assert here.guard(9, 900, retry=True)
    assert here.case() == "pending"
    ask(root, "isolcpus=1-3")
    assert play(root) == "settled"


def test_a_refused_trial_boots_the_old_entry_by_itself(root: Path) -> None:
    here = FakeHost(root)
    here.guard(9, 900)
    ask(root, "isolcpus=1-3")
    here.guard(9, 900)
    here.arm()
    here.boot()
    assert here.case() == "trial"
    here.refuse("hugepages are on the wrong node")
    here.boot()
    assert here.case() == "failed"
    assert "isolcpus=1-3" not in here.live().words


def test_an_order_can_be_taken_back(root: Path) -> None:
    here = FakeHost(root)
    here.guard(9, 900)
    ask(root, "isolcpus=1-3")
    here.guard(9, 900)
    here.arm()
    assert here.disarm()
    assert not here.disarm()
    here.boot()
    assert here.case() == "pending"


def test_there_must_be_something_to_try(root: Path) -> None:
    here = FakeHost(root)
    here.guard(9, 900)
    with pytest.raises(host.HostError, match="nothing to try: the proven command line is the wanted one"):
        here.arm()


@pytest.mark.parametrize("words", ["isolcpus=1-3", "bad"])
def test_killed_at_any_moment_the_next_run_goes_on(tmp_path_factory: pytest.TempPathFactory, words: str) -> None:
    """After each number of effects the run is cut off, the host may reboot, and another run ends it well."""
    expected = "failed" if words == "bad" else "settled"
    for kill, reboots in itertools.product(range(40), (False, True)):
        place = fresh_host(tmp_path_factory.mktemp("host"))
        FakeHost(place).guard(9, 900)
        ask(place, words)
        try:
            play(place, kill)
            killed = False
        except KilledError:
            killed = True
        here = FakeHost(place)
        assert "bad" not in here.default()
        unproven = here.case() == "trial" and killed and here.record().proving is None
        if reboots:
            here.boot()
            if unproven and expected == "settled":
                # Rebooted before anybody could prove it: that is what the host's own timer does to a lost one.
                assert play(place) == "failed"
                here.guard(9, 900, retry=True)
        assert play(place) == expected, (kill, reboots)
        assert ("isolcpus=1-3" in here.live().words) == (words != "bad")
        here.boot()
        assert here.case() == expected
        if not killed:
            return
    pytest.fail("a run has more effects than were tried")


def test_leaving_needs_the_files_back_first(root: Path) -> None:
    here = FakeHost(root)
    here.guard(9, 900)
    with pytest.raises(host.HostError, match=r"99-cift-boot\.cfg is still there"):
        here.leave()
    (root / grub.DROPIN).unlink()
    (root / grub.SCRIPT).unlink()
    assert here.leave()
    assert not (root / "var/lib/cift/boot").exists()
    assert not here.leave()
