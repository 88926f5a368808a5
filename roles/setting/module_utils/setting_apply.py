"""A table of settings made so (`present`) and read back (`verified`), from the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ansible.module_utils import setting_files, setting_kinds
from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_rows import Row, row
from ansible.module_utils.setting_sysctl import live_path
from ansible.module_utils.setting_table import OF_THE_KERNEL, Setting, is_set, unmet

Write = Callable[[str, str], None]


@dataclass
class Done:
    """What a run did, or would do in check mode: files by path with the texts before and after, values by name."""

    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    applied: dict[str, str | None] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    reboot: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)


def written_here(machine: Machine, setting: Setting) -> bool:
    """Return whether a row goes to its file: where it can be had, or where only the kernel isn't the host's own."""
    if unmet(machine, setting) is None:
        return True
    return is_set(setting) and machine.container() is not None


def present(
    machine: Machine, table: list[Setting], area: str, *, check: bool, write: Write, stale: Iterable[str] = ()
) -> Done:
    """Write the files that differ, then set every live value that differs and read it back.

    `write(path, text)` puts a file in place, an empty text removes it; so `stale` files that no row makes go. With
    `check` nothing is changed.
    """
    done = Done()
    kept = [setting for setting in table if written_here(machine, setting)]
    own = {*setting_files.standard_files(area), *stale}
    texts = dict.fromkeys(own, "") | setting_files.render(kept, area)
    for path, text in sorted(texts.items()):
        before = machine.read(path) or ""
        if before != text:
            done.files[path] = (before, text)
            if not check:
                write(path, text)
    done.actions = _actions(machine, done, kept, area)
    if not check:
        for action in done.actions:
            answer = machine.run(*action.split())
            if answer.returncode != 0:
                done.failed.append(f"{action}: {answer.stderr.strip() or answer.stdout.strip()}")
    for setting in table:
        _apply(machine, setting, area, done, check)
    return done


def _apply(machine: Machine, setting: Setting, area: str, done: Done, check: bool) -> None:
    """Set one live value; what can't be is skipped with the reason, what is refused is a failure."""
    name = setting["name"]
    if reason := unmet(machine, setting):
        done.skipped[name] = _reason(machine, setting, reason)
        return
    wanted, kind = setting_kinds.wanted(setting), setting["kind"]
    if kind == "unit":
        _apply_unit(machine, setting, area, done, check)
        return
    if kind == "ini":  # systemd has read its files; what runs already is its role's to restart
        unit = setting.get("live", {}).get("unit")
        if unit and setting_kinds.live(machine, setting) not in (wanted, "not running", None):
            done.restart.append(unit)
        return
    found = setting_kinds.live(machine, setting)
    if found == wanted:
        return
    if waits(setting):
        # A container's command line is its machine's: no reboot of the container brings the words.
        if machine.container():
            done.skipped[name] = _container(machine)
        elif asked_at_boot(machine, setting):
            done.failed.append(_not_given(setting, wanted, found))
        else:
            done.reboot.append(name)
        return
    if machine.container() and not _writable(machine, setting):
        done.skipped[name] = _container(machine)
        return
    if found is None:
        place = setting_kinds.live_place(setting)
        done.failed.append(f"{name}: {place} is not there; correct the row, or say what it needs")
        return
    done.applied[name] = found
    if check:
        return
    try:
        _set(machine, setting)
    except OSError as error:
        done.failed.append(f"{name}: the kernel has {found} and refused {wanted} ({error.strerror or error})")
        return
    after = setting_kinds.live(machine, setting)
    if after != wanted:
        done.failed.append(f"{name}: asked for {wanted}, the kernel has {after} (before: {found})")


def waits(setting: Setting) -> bool:
    """Return whether only a boot brings a setting."""
    return setting["kind"] in ("argument", "outcome") or bool(setting.get("reboot"))


def asked_at_boot(machine: Machine, setting: Setting) -> bool:
    """Return whether this boot was asked for an outcome; if it isn't there then, another boot won't bring it."""
    words = (machine.read("/proc/cmdline") or "").split()
    return setting["kind"] == "outcome" and any(word.startswith(f"{setting['argument']}=") for word in words)


def _not_given(setting: Setting, wanted: str, found: str | None) -> str:
    return f"{setting['name']}: asked for {wanted} at boot by {setting['argument']}=, the kernel has {found}"


def _apply_unit(machine: Machine, setting: Setting, area: str, done: Done, check: bool) -> None:
    value, unit = setting["value"], setting["unit"]
    found = setting_files.stored(machine, setting, area), setting_kinds.live(machine, setting)
    if found == (value, value):
        return
    done.applied[setting["name"]] = " and ".join(str(item) for item in found)
    if check:
        return
    verb = {"masked": "mask", "enabled": "enable", "disabled": "disable"}[value]
    commands = [] if found[0] == value else [["systemctl", verb, unit]]
    if found[1] != value:
        commands.append(["systemctl", "start" if value == "enabled" else "stop", unit])
    for command in commands:
        answer = machine.run(*command)
        if answer.returncode != 0:
            done.failed.append(f"{' '.join(command)}: {answer.stderr.strip()}")


def _set(machine: Machine, setting: Setting) -> None:
    if setting["kind"] == "sysctl":
        machine.write(live_path(setting["name"]), setting_kinds.wanted(setting) + "\n")
    elif setting["kind"] == "sysfs":
        for pattern in setting_kinds.paths(setting):
            for path in machine.glob(pattern):
                machine.write(path, setting_kinds.written(setting))
    elif setting["kind"] == "mount":
        target = machine.run(
            "findmnt", "--noheadings", "--output", "TARGET", "--target", setting["path"]
        ).stdout.strip()
        answer = machine.run("mount", "-o", f"remount,{setting_kinds.wanted(setting)}", target)
        if answer.returncode != 0:
            raise OSError(answer.stderr.strip())


def _writable(machine: Machine, setting: Setting) -> bool:
    if setting["kind"] == "sysctl":
        return machine.writable(live_path(setting["name"]))
    if setting["kind"] == "sysfs":
        found = [path for pattern in setting_kinds.paths(setting) for path in machine.glob(pattern)]
        return bool(found) and all(machine.writable(path) for path in found)
    return False


def _actions(machine: Machine, done: Done, kept: list[Setting], area: str) -> list[str]:
    """Return the commands that make systemd, udev and the boot menu read what was written."""
    actions = []
    if any(path.startswith("/etc/systemd/system/") for path in done.files):
        actions.append("systemctl daemon-reload")
    if any(path.startswith("/etc/systemd/system.conf.d/") for path in done.files):
        actions.append("systemctl daemon-reexec")
    # No udev runs in a container: its devices are the machine's.
    if not machine.container() and any(path.startswith(("/etc/udev/", "/etc/systemd/network/")) for path in done.files):
        actions.append("udevadm control --reload")
    if any(path.endswith((".netdev", ".network")) for path in done.files) and machine.glob("/run/systemd/netif"):
        actions.append("networkctl reload")
    if done.files.get(setting_files.MOUNTS, ("", ""))[1]:
        actions.append("systemctl enable cift-mounts.service")
    arguments = [setting for setting in kept if setting["kind"] == "argument"]
    # The menu is compared as well: a run that was cut off after the drop-in must still be finished by the next one.
    stale = any(setting_files.stored(machine, item, area) != setting_kinds.argument(item) for item in arguments)
    if (setting_files.GRUB in done.files or stale) and _has_boot_menu(machine):
        actions.append("update-grub")
    return actions


def _has_boot_menu(machine: Machine) -> bool:
    return machine.read(setting_files.BOOT_MENU) is not None and machine.program("update-grub") is not None


def _container(machine: Machine) -> str:
    return f"container ({machine.container()}): belongs to the machine's kernel, the file is in place"


def _reason(machine: Machine, setting: Setting, reason: str) -> str:
    """The kernel's settings are another machine's in a container, whatever else would be missing."""
    if is_set(setting) and setting["kind"] in OF_THE_KERNEL and machine.container():
        return _container(machine)
    return reason


def verified(machine: Machine, table: list[Setting], area: str) -> list[Row]:
    """Return one row for each setting: wanted, persistent, live and the verdict; changes nothing."""
    return [_verify(machine, setting, area) for setting in table]


def _verify(machine: Machine, setting: Setting, area: str) -> Row:
    name, reason = setting["name"], unmet(machine, setting)
    if not is_set(setting):
        return row(setting, name, None, verdict="skip", why=str(reason))
    try:
        wanted, stored = setting_kinds.wanted(setting), setting_files.stored(machine, setting, area)
        found = setting_kinds.live(machine, setting)
    except (OSError, ValueError, KeyError) as error:
        return row(setting, name, "readable", live=f"{type(error).__name__}: {error}", verdict="fail")
    probed = bool(setting_kinds.live_place(setting))
    verdict, why = _judge(machine, setting, wanted, stored, found if probed else wanted, reason)
    return row(setting, name, wanted, persistent=stored, live=found, verdict=verdict, why=why)


def _judge(
    machine: Machine, setting: Setting, wanted: str, stored: str | None, found: str | None, reason: str | None
) -> tuple[str, str]:
    """Return the verdict and what explains one other than pass."""
    kind, container = setting["kind"], machine.container()
    if reason and not container:
        return "skip", reason
    if stored != wanted:
        return "fail", f"not there for the next boot: {setting_files.place(setting, '') if stored is None else stored}"
    if found == wanted:
        problem = setting_kinds.effect(machine, setting)
        return ("fail", f"the command line has it, but {problem}") if problem else ("pass", "")
    if reason:
        return "skip", _reason(machine, setting, reason)
    if kind == "ini" and found is None:
        return "skip", f"{setting['live']['unit']} is not installed on this host, the file is in place"
    if container and (waits(setting) or (kind in OF_THE_KERNEL | {"mount"} and not _writable(machine, setting))):
        return "skip", _container(machine)
    if asked_at_boot(machine, setting):
        return "fail", _not_given(setting, wanted, found)
    if waits(setting):
        return "reboot", "right for the next boot, which has not come yet"
    return "fail", "right for the next boot, but the running host has another value: something changed it"
