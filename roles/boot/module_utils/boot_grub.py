"""The boot loader's side: what GRUB is asked for, the files that make it boot a new command line once, its environment.

Three files carry it, all of them GRUB's own drop-ins:

* `/etc/default/grub.d/99-cift-boot.cfg` comes last: it keeps what the drop-ins before it ask for as *wanted*, and puts
  the proven words in their place;
* `/etc/grub.d/42_cift_trial` prints the trial's entry: the first entry of `10_linux`, with the wanted words;
* grubenv's `next_entry` names the trial for one boot. GRUB clears it before it starts the kernel.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from ansible.module_utils.boot_state import TRIAL, Words

HEADER = "# Written by Ansible (role boot): changes made here are lost.\n"
DROPIN = "etc/default/grub.d/99-cift-boot.cfg"
SCRIPT = "etc/grub.d/42_cift_trial"
MENU = "boot/grub/grub.cfg"
ENVIRONMENT = "boot/grub/grubenv"
ENTRY = "cift-trial"


def read_wanted(root: str = "/") -> str:
    """Return a shell command that prints what the drop-ins before ours ask for: linux, default, GRUB_DEFAULT.

    They are shell files, sourced by update-grub as root; the same shell reads them here.
    """
    base = shlex.quote(root)
    return (
        f"cd {base}; [ ! -e etc/default/grub ] || . ./etc/default/grub; "
        f"for file in etc/default/grub.d/*.cfg; do [ ! -e $file ] || [ $file = {DROPIN} ] || . ./$file; done; "
        r"""printf '%s\0' "${GRUB_CMDLINE_LINUX-}" "${GRUB_CMDLINE_LINUX_DEFAULT-}" "${GRUB_DEFAULT-0}" """
    )


def parse_wanted(output: str) -> tuple[Words, str]:
    """Return the words, and which entry is the default, from what the shell printed."""
    parts = output.split("\0")
    if len(parts) != 4:
        raise ValueError(f"/etc/default/grub can't be read: the shell printed {output!r}")
    return Words(" ".join(parts[0].split()), " ".join(parts[1].split())), parts[2]


def dropin(proven: Words, panic: int) -> str:
    """Return the text of the last drop-in; `panic` is the trial's, in seconds from a kernel's death to its reset."""
    return (
        f"{HEADER}"
        "# The default entry has the command line that was proven. What the files before this one ask for is tried by\n"
        "# an entry of its own, once, and becomes the default after the host came back with it.\n"
        'export CIFT_WANTED_LINUX="$GRUB_CMDLINE_LINUX" CIFT_WANTED_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT"\n'
        f"export CIFT_TRIAL_PANIC={panic}\n"
        f"GRUB_CMDLINE_LINUX={shlex.quote(proven.linux)}\n"
        f"GRUB_CMDLINE_LINUX_DEFAULT={shlex.quote(proven.default)}\n"
        "GRUB_DEFAULT=saved\n"
    )


# Whoever calls update-grub, the entry is right: what it carries is worked out anew each time.
SCRIPT_TEXT = f"""#!/bin/sh
{HEADER}\
# The entry that tries a wanted command line once: the first entry of 10_linux with other words. Nothing while the
# wanted command line is the proven one.
set -ef
[ "${{CIFT_WANTED_LINUX+set}}" ] || exit 0
set -- $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT
proven=$*
set -- $CIFT_WANTED_LINUX $CIFT_WANTED_DEFAULT
[ "$*" != "$proven" ] || exit 0
digest=$(printf '%s\\n' "$*" | sha256sum | cut -c1-12)
case " $* " in
    *" panic="*) panic= ;;
    *) panic=panic=$CIFT_TRIAL_PANIC ;;
esac
export GRUB_DISABLE_SUBMENU=true
export GRUB_CMDLINE_LINUX="$CIFT_WANTED_LINUX"
export GRUB_CMDLINE_LINUX_DEFAULT="$CIFT_WANTED_DEFAULT $panic {TRIAL}=$digest"
/etc/grub.d/10_linux | awk -v title="menuentry 'CIFT trial $digest' --id {ENTRY} {{" '
    /^menuentry / && !seen {{ seen = inside = 1; print title; next }}
    inside {{ print }}
    /^}}/ {{ inside = 0 }}
'
"""


def entries(menu: str) -> dict[str, list[str]]:
    """Return `{id: words of its linux line}` of a grub.cfg; the title stands for an entry without an id."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in menu.splitlines():
        stripped = line.strip()
        if stripped.startswith("menuentry "):
            match = re.search(r"(?:\$menuentry_id_option|--id)\s+'?([^'\s{]+)'?", stripped)
            title = re.match(r"menuentry\s+'([^']*)'", stripped)
            name = match.group(1) if match else title.group(1) if title else stripped
        elif re.match(r"linux(16|efi)?\s", stripped) and name:
            found.setdefault(name, stripped.split()[1:])
    return found


def environment(block: bytes) -> dict[str, str]:
    """Return `{name: value}` of a grubenv file."""
    found = {}
    for line in block.decode("utf-8", "replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name] = value
    return found


def refusal(root: Path, abstraction: str, filesystem: str) -> str | None:
    """Return why this host's boot loader can't boot an entry once, None where it can.

    `abstraction` and `filesystem` are what `grub-probe --target=... /boot/grub` says.
    """
    if not (root / MENU).is_file():
        if (root / "boot/loader/entries").is_dir() or (root / "boot/efi/loader").is_dir():
            return "systemd-boot starts this host; entries are booted once by GRUB alone: install grub-efi-amd64"
        return f"no /{MENU}: GRUB doesn't start this host; install grub-pc or grub-efi-amd64, or set boot_manage: false"
    # grub-mkconfig itself leaves save_env out on these: next_entry would never be cleared.
    if abstraction:
        return f"GRUB can't write /{ENVIRONMENT} on {abstraction}; give /boot a plain partition with ext4"
    if filesystem in ("btrfs", "zfs", "cpiofs", "newc", "odc", "romfs", "squash4", "tarfs"):
        return f"GRUB can't write /{ENVIRONMENT} on {filesystem}; give /boot a plain partition with ext4"
    return None
