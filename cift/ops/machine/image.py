"""The disk that machines begin from: Debian with its stock kernel and GRUB, built once for each set of inputs.

No step mounts anything or needs a loop device: mke2fs fills the file system from a folder, and the boot loader is put
on the disk by the guest's own tools, in a first boot from the kernel beside the disk.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from cift.ops.machine import hardware
from cift.ops.machine.emulator import Emulator
from cift.ops.machine.hardware import Machine
from cift.ops.sandbox import base
from cift.ops.sandbox.commands import run
from cift.ops.sandbox.errors import SandboxError
from cift.ops.sandbox.release import PACKAGES as SANDBOX_PACKAGES

Say = Callable[[str], None]

RECIPE = "1"  # another number whenever this file makes another image from the same input
PACKAGES = (
    *SANDBOX_PACKAGES,
    *("linux-image-amd64", "initramfs-tools", "zstd", "grub-pc"),
    *("chrony", "ethtool", "hwloc-nox", "iputils-ping", "irqbalance", "numactl", "pciutils", "rt-tests"),
)
GUEST = Path(__file__).parent / "guest"
EARLY = ("etc/initramfs-tools/conf.d/cift", "etc/initramfs-tools/modules")
ENABLED = ("cift-seed.service", "ssh.service")
DISABLED = ("systemd-networkd.service", "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer")
# What no test looks at and emulated CPUs take seconds for, at each boot and some at each login.
MASKED = (
    *("e2scrub_reap.service", "systemd-pstore.service", "systemd-binfmt.service", "systemd-logind.service"),
    *("grub-common.service", "getty@tty1.service"),
    *(f"modprobe@{module}.service" for module in ("drm", "efi_pstore", "fuse", "loop", "dm_mod")),
)

SIZE_MIB = 6144
FIRST_MIB, SECTORS = 2, 2048  # the root partition begins behind the boot loader's own
FIRST_BOOT_TIMEOUT = 600.0
DONE = "cift-first-boot: done"


def key(codename: str) -> str:
    """Name of the image that fits the release, the packages, the machine's sources and the files in `guest/`."""
    files = hashlib.sha256()
    for path in _guest_files():
        files.update(f"{path.relative_to(GUEST)}\0".encode() + path.read_bytes())
    return f"machine-{codename}-{base.fingerprint(codename, PACKAGES, RECIPE, files.hexdigest())}"


def ensure(cache: Path, codename: str, emulator: Emulator, accelerate: Callable[[Path], str], say: Say) -> Path:
    """The folder of the image: `disk.qcow2`, `vmlinuz`, `initrd`. Built if the cache has none (4 minutes under TCG).

    `accelerate` is asked for `kvm` or `tcg` once the kernel is there to try it with.

    Raises:
        SandboxError: a step failed; what it said is in the message.
    """

    def build(draft: Path) -> Path:
        _bootstrap(draft, codename, say)
        made = draft / "image"
        made.mkdir()
        for kind in ("vmlinuz", "initrd.img"):
            shutil.copy(next((draft / "root/boot").glob(f"{kind}-*")), made / kind.removesuffix(".img"))
        say("making the disk")
        _make_disk(draft / "root", made / "disk.raw")
        shutil.rmtree(draft / "root")
        accelerator = accelerate(made / "vmlinuz")
        say(f"first boot: the guest installs its boot loader ({accelerator})")
        _first_boot(made, emulator, accelerator)
        run([*emulator.image, "convert", "-O", "qcow2", made / "disk.raw", made / "disk.qcow2"], timeout=300)
        (made / "disk.raw").unlink()
        return made

    return base.cached(cache, key(codename), build, say)


def _guest_files() -> Iterator[Path]:
    return (path for path in sorted(GUEST.rglob("*")) if path.is_file())


def _bootstrap(draft: Path, codename: str, say: Say) -> None:
    early = [
        *("--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*"),
        '--aptopt=APT::Install-Recommends "false"',
        '--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d"',
        *(f"--essential-hook=upload {GUEST / path} /{path}" for path in EARLY),
        # Which disk GRUB goes to is said at the first boot.
        '--essential-hook=echo grub-pc grub-pc/install_devices_empty boolean true | chroot "$1" debconf-set-selections',
    ]
    base.bootstrap(draft, codename, PACKAGES, say, more=early)
    root = draft / "root"
    base.finish(root)
    for path in _guest_files():
        target = root / path.relative_to(GUEST)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    chroot: list[str | Path] = [*base.ALONE, "chroot", root, "systemctl", "--quiet"]
    run([*chroot, "enable", *ENABLED])
    run([*chroot, "disable", *DISABLED], check=False)
    run([*chroot, "mask", *MASKED])


def _make_disk(root: Path, disk: Path) -> None:
    """A GPT disk with a partition for GRUB's core and one that holds the tree."""
    with disk.open("wb") as file:
        file.truncate(SIZE_MIB << 20)
    table = "label: gpt\nsize=1MiB, type=21686148-6449-6E6F-744E-656564454649\ntype=linux\n"
    done = subprocess.run(
        ["sfdisk", "--quiet", disk], input=table, text=True, check=False, capture_output=True, timeout=60
    )
    if done.returncode != 0:
        raise SandboxError(f"sfdisk could not part {disk}: {done.stderr.strip()}")
    blocks = (SIZE_MIB - FIRST_MIB - 1) * 256  # of 4 KiB; the last MiB holds the table's copy
    run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "root", "-d", root,
         "-E", f"offset={FIRST_MIB << 20},lazy_itable_init=0", disk, str(blocks)],
        timeout=300,
    )  # fmt: skip


def _first_boot(made: Path, emulator: Emulator, accelerator: str) -> None:
    machine = Machine(0, accelerator, disk=made / "disk.raw", seed=made / "seed.tar", console=made / "console.log")
    machine.seed.write_bytes(b"\0" * 10240)  # an empty tar
    words = "root=LABEL=root rw console=ttyS0,115200n8 panic=-1 systemd.unit=cift-first-boot.service"
    boot = ["-kernel", str(made / "vmlinuz"), "-initrd", str(made / "initrd"), "-append", words]
    # setpriv: qemu dies with this program.
    argv = ["setpriv", "--pdeathsig", "KILL", *hardware.command(emulator, machine, boot)]
    try:
        run(argv, timeout=FIRST_BOOT_TIMEOUT)
    finally:
        console = machine.console.read_text(errors="replace") if machine.console.exists() else ""
        (made.parent.parent / "first-boot.log").write_text(console)
    if DONE not in console:
        raise SandboxError(f"the image's first boot failed; its console is in {made.parent.parent / 'first-boot.log'}")
    machine.seed.unlink()
