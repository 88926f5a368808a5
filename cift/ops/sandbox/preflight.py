"""Can this machine hold sandbox hosts? Asked before anything is begun, answered in sentences."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cift.ops.sandbox import cgroups
from cift.ops.sandbox.errors import RefusedError

# Command: the Debian package that has it.
COMMANDS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "tinyproxy": "tinyproxy",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mount": "mount",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "apt-config": "apt",
}


def missing_commands(
    which: Callable[[str], str | None] = shutil.which, commands: Mapping[str, str] = COMMANDS
) -> list[str]:
    """A sentence on the commands that are not installed, if any."""
    absent = [command for command in commands if which(command) is None]
    if not absent:
        return []
    packages = sorted({commands[command] for command in absent})
    return [f"not installed: {', '.join(absent)}; apt-get install {' '.join(packages)}"]


def _kernel(state: Path) -> Iterator[str]:
    """Try each feature for real, in namespaces that vanish with the trial."""
    if not _works("unshare", "--net", "true"):
        yield "network namespaces do not work here: use a kernel with CONFIG_NET_NS; a container needs CAP_SYS_ADMIN"
        return
    for kind, option in (("bridge", "CONFIG_BRIDGE"), ("veth", "CONFIG_VETH")):
        if not _works("unshare", "--net", "ip", "link", "add", "cift-try", "type", kind):
            yield f"the kernel makes no {kind} links: 'modprobe {kind}', or a kernel with {option}"
    nearest = next(folder for folder in (state, *state.parents) if folder.is_dir())
    trial = nearest / f".cift-overlay-{os.getpid()}"
    try:
        for part in ("lower", "upper", "work", "root"):
            (trial / part).mkdir(parents=True)
        options = f"lowerdir={trial / 'lower'},upperdir={trial / 'upper'},workdir={trial / 'work'}"
        if not _works("unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, str(trial / "root")):
            yield (
                f"no overlay can be mounted in {nearest}: 'modprobe overlay', a kernel with CONFIG_OVERLAY_FS, or "
                "CIFT_SANDBOX_DIR on a plain file system (ext4, xfs; not overlay or nfs)"
            )
    except OSError as error:
        yield f"{nearest} cannot be written ({error.strerror}); set CIFT_SANDBOX_DIR to a folder that can"
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def control_groups() -> Iterator[str]:
    """A sentence on what the machine's control groups lack, if anything."""
    roots = cgroups.roots()
    if not roots or not (roots[0] / "cgroup.procs").exists():
        yield (
            "no version 2 control groups: boot with systemd.unified_cgroup_hierarchy=1, or "
            "'mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified'"
        )
        return
    trial = roots[0] / f"cift-try-{os.getpid()}"
    try:
        trial.mkdir()
        if not (trial / "cgroup.kill").exists():
            yield f"kernel {platform.release()} has no cgroup.kill; expected 5.14 or newer (Debian 12 has 6.1)"
    except OSError as error:
        yield f"{roots[0]} cannot be written ({error.strerror}); a container around needs its control groups writable"
    finally:
        if trial.is_dir():
            trial.rmdir()


def _works(*argv: str) -> bool:
    return subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def check_root() -> None:
    """Linux and root: what even `down` needs.

    Raises:
        RefusedError: it is something else.
    """
    if platform.system() != "Linux":
        raise RefusedError(
            f"sandbox hosts need Linux, and this is {platform.system()}; use a Linux machine or a virtual one"
        )
    if os.geteuid() != 0:
        raise RefusedError(f"sandbox hosts need root, and this is user {os.geteuid()}; run it with sudo")


def check(state: Path) -> None:
    """Look at the machine; the state folder's file system is tried too.

    Raises:
        RefusedError: naming everything that is in the way, and for each what to do.
    """
    check_root()
    problems = missing_commands()
    problems += control_groups()
    if not problems:
        problems += _kernel(state)
    if problems:
        raise RefusedError("this machine cannot hold sandbox hosts: " + "; ".join(problems))
