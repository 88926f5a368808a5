"""Can this machine run virtual ones? Asked before anything is begun, answered in sentences."""

from __future__ import annotations

import os
from pathlib import Path

from cift.ops.sandbox import preflight
from cift.ops.sandbox.errors import RefusedError

# Command: the Debian package that has it.
COMMANDS = {
    "mmdebstrap": "mmdebstrap",
    "sfdisk": "fdisk",
    "mke2fs": "e2fsprogs",
    "tinyproxy": "tinyproxy",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "apt-config": "apt",
}
TUN = Path("/dev/net/tun")


def check() -> None:
    """Look at the machine.

    Raises:
        RefusedError: naming everything that is in the way, and for each what to do.
    """
    preflight.check_root()
    problems = [*preflight.missing_commands(commands=COMMANDS), *preflight.control_groups()]
    if not os.access(TUN, os.R_OK | os.W_OK):
        problems.append(f"{TUN} can't be opened: 'modprobe tun', or a container that is given the device")
    if problems:
        raise RefusedError("this machine cannot run virtual machines: " + "; ".join(problems))
