"""The steps on the host: read what is there, write one file, then the next. Whole files only, on the disk at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils import boot_grub as grub
from ansible.module_utils import boot_state as state
from ansible.module_utils.boot_state import BadRecordError, Live, Record, Words

STATE = "var/lib/cift/boot/state.json"
PROVEN = "var/lib/cift/boot/proven"
UNITS = "etc/systemd/system"
WATCH = "cift-boot-trial"
CONTAINERS = ("run/systemd/container", "run/host/container-manager", ".dockerenv")

Run = Callable[..., tuple[int, str, str]]
"""As `AnsibleModule.run_command`: words in; status, output and errors out."""

_SERVICE = """[Unit]
Description=Reboot into the old kernel command line: nobody has proven the new one
ConditionKernelCommandLine={trial}

[Service]
Type=oneshot
# Proven meanwhile: then the digest that the kernel was started with is the one on the disk.
ExecCondition=/bin/sh -c '! grep -qw "{trial}=$(cat /{proven})" /proc/cmdline'
ExecStart=/usr/bin/systemctl --no-block reboot
"""
_TIMER = """[Unit]
Description=Give a kernel command line on trial {timeout} s to be proven
ConditionKernelCommandLine={trial}

[Timer]
OnBootSec={timeout}

[Install]
WantedBy=timers.target
"""


class HostError(Exception):
    """Something on the host is not as it must be; the message is a sentence."""


class Host:
    """A host whose files are below `root`; `run` starts its programs. With `check` nothing is changed."""

    def __init__(self, root: Path, run: Run, check: bool = False) -> None:
        self.root, self._run, self._check = root, run, check

    def read(self, path: str) -> str:
        """Return a file's text; raises OSError where it is not there."""
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def container(self) -> bool:
        """Whether the kernel is another machine's."""
        return any((self.root / marker).exists() for marker in CONTAINERS)

    def refusal(self) -> str | None:
        """Return why this host's boot loader can't be guarded, None where it can."""
        probe = [self._said(["grub-probe", f"--target={what}", "/boot/grub"]) for what in ("abstraction", "fs")]
        return grub.refusal(self.root, probe[0], probe[1])

    def record(self) -> Record:
        """Return what the host remembers; before the first guard, that what it runs with is proven by running."""
        try:
            return Record.parse(self.read(STATE))
        except FileNotFoundError:
            return Record(state.first_proven(self.live()))
        except BadRecordError as error:
            raise HostError(
                f"/{STATE} can't be read ({error}); look at the boot menu, then remove the file and /{grub.DROPIN}"
            ) from error

    def live(self) -> Live:
        """Return what the running host shows."""
        block = self.root / grub.ENVIRONMENT
        environment = grub.environment(block.read_bytes()) if block.exists() else {}
        return Live(
            self.read("proc/sys/kernel/random/boot_id").strip(),
            self.read("proc/cmdline").strip(),
            self._wanted()[0],
            environment.get("next_entry", ""),
        )

    def guard(self, panic: int, timeout: int, *, retry: bool = False) -> bool:
        """Keep the default entry at what is proven, and have an entry that tries what is wanted."""
        record, first = self.record(), not (self.root / STATE).exists()
        changed = first
        if not first:
            changed |= self.prove() if record.proving is not None else self.judge()
            record = self.record()
        if retry and record.failures:
            record, changed = state.forgiven(record), True
        wanted, default = self._wanted()
        if first and default not in ("saved", "0", ""):
            # The host starts another entry than the first: so it shall by `saved` too.
            self._do(["grub-set-default", default])
        changed |= self._put(STATE, record.dump())
        changed |= self._put(PROVEN, record.proven.digest + "\n")
        changed |= self._put(f"{UNITS}/{WATCH}.service", _SERVICE.format(trial=state.TRIAL, proven=PROVEN))
        timer = self._put(f"{UNITS}/{WATCH}.timer", _TIMER.format(trial=state.TRIAL, timeout=timeout))
        link = self.root / UNITS / "timers.target.wants" / f"{WATCH}.timer"
        if timer or not link.is_symlink():
            self._do(["systemctl", "daemon-reload"])
            self._do(["systemctl", "enable", f"{WATCH}.timer"])
            changed = True
        self._put(grub.SCRIPT, grub.SCRIPT_TEXT, mode=0o755)
        self._put(grub.DROPIN, grub.dropin(record.proven, panic))
        # The menu itself is looked at: an update-grub that was cut off is made up for.
        if self._stale(record.proven, wanted):
            self._update_menu(record.proven, wanted)
            changed = True
        return changed

    def arm(self) -> bool:
        """Have the next boot try the trial's entry. The order is on the disk before the record says so."""
        record, live = self.record(), self.live()
        if (case := state.situation(record, live)) not in ("pending", "armed"):
            raise HostError(f"nothing to try: {state.SITUATIONS[case]}")
        if self._stale(record.proven, live.wanted):
            raise HostError(f"the boot menu has no entry for {live.wanted.digest}; call it with 'guarded' first")
        self._do(["grub-editenv", f"/{grub.ENVIRONMENT}", "set", f"next_entry={grub.ENTRY}"])
        os.sync()
        return self._put(STATE, state.armed(record, live).dump()) or live.next_entry != grub.ENTRY

    def disarm(self) -> bool:
        """Take the order back: the record first, so that no failure is read out of the next boot."""
        record, live = self.record(), self.live()
        changed = self._put(STATE, state.disarmed(record).dump()) if record.armed else False
        if live.next_entry == grub.ENTRY:
            self._do(["grub-editenv", f"/{grub.ENVIRONMENT}", "unset", "next_entry"])
            os.sync()
            changed = True
        return changed

    def judge(self) -> bool:
        """Remember that the trial failed, if the host came back with the old entry."""
        record, live = self.record(), self.live()
        if state.situation(record, live) != "fellback":
            return False
        why = "the host did not come up with it: its kernel died, hung, or nobody reached the host in time"
        return self._put(STATE, state.failed(record, live, why).dump())

    def prove(self) -> bool:
        """Make the running trial the default. What is interrupted is finished by the next call."""
        record, live = self.record(), self.live()
        if record.proving is None:
            if state.situation(record, live) == "settled":
                return False
            record = state.proving(record, live)
            self._put(STATE, record.dump())
        new = record.proving or record.proven
        panic = self._panic()
        self._put(grub.DROPIN, grub.dropin(new, panic))
        if self._stale(new, live.wanted):
            self._update_menu(new, live.wanted)
        self._put(PROVEN, new.digest + "\n")
        self._put(STATE, state.proven(record).dump())
        self._do(["systemctl", "stop", f"{WATCH}.timer"])
        return True

    def refuse(self, reason: str) -> bool:
        """Remember why what is wanted must not become the default."""
        record, live = self.record(), self.live()
        return self._put(STATE, state.failed(record, live, reason or "it was refused").dump())

    def leave(self) -> bool:
        """Take the guard off a host whose drop-ins were given back; returns whether anything of it was left."""
        left = (self.root / STATE).exists() or self.live().next_entry == grub.ENTRY
        if self.live().next_entry == grub.ENTRY:
            self._do(["grub-editenv", f"/{grub.ENVIRONMENT}", "unset", "next_entry"])
        for path in (grub.DROPIN, grub.SCRIPT):
            if (self.root / path).exists():
                raise HostError(f"/{path} is still there: give the host's files back first (playbooks/rollback.yml)")
        if not self._check:
            (self.root / STATE).unlink(missing_ok=True)
            (self.root / PROVEN).unlink(missing_ok=True)
            if (self.root / STATE).parent.is_dir():
                (self.root / STATE).parent.rmdir()
            os.sync()
        return left

    def _wanted(self) -> tuple[Words, str]:
        status, output, errors = self._run(["sh", "-ec", grub.read_wanted(str(self.root))])
        if status != 0:
            raise HostError(f"/etc/default/grub and its drop-ins can't be read: {errors.strip()}")
        return grub.parse_wanted(output)

    def _panic(self) -> int:
        for line in self.read(grub.DROPIN).splitlines():
            if line.startswith("export CIFT_TRIAL_PANIC="):
                return int(line.partition("=")[2])
        return 10

    def _stale(self, proven: Words, wanted: Words) -> bool:
        """Whether the boot menu has other words in its default or trial entry than it should."""
        menu = self.root / grub.MENU
        found = grub.entries(self.read(grub.MENU)) if menu.exists() else {}
        trial = found.pop(grub.ENTRY, None)
        default = next(iter(found.values()), [])
        if not state.has(default, proven.line) or 'default="${saved_entry}"' not in self.read(grub.MENU):
            return True
        if set(default) & (set(wanted.line.split()) - set(proven.line.split())):
            return True
        if wanted.digest == proven.digest:
            return trial is not None
        return trial is None or f"{state.TRIAL}={wanted.digest}" not in trial

    def _update_menu(self, proven: Words, wanted: Words) -> None:
        self._do(["update-grub"])
        os.sync()
        if not self._check and self._stale(proven, wanted):
            raise HostError(
                f"update-grub made a /{grub.MENU} without the entries that were asked for; "
                f"see /{grub.DROPIN}, /{grub.SCRIPT} and what sorts after them"
            )

    def _put(self, path: str, text: str, mode: int = 0o644) -> bool:
        """Have a file with this text, on the disk, whole or as it was; returns whether it differed."""
        target = self.root / path
        if target.is_file() and target.read_text(encoding="utf-8") == text and target.stat().st_mode & 0o777 == mode:
            return False
        if self._check:
            return True
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(mode)
        draft.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return True

    def _do(self, words: list[str]) -> None:
        if self._check:
            return
        status, output, errors = self._run(words)
        if status != 0:
            said = (errors or output).strip().splitlines()
            raise HostError(f"'{' '.join(words)}' failed ({status}): {said[-1] if said else 'no message'}")

    def _said(self, words: list[str]) -> str:
        try:
            status, output, _ = self._run(words)
        except FileNotFoundError:
            return ""
        return output.strip() if status == 0 else ""
