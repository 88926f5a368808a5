"""KVM where it truly works: where the stock kernel of the image boots under it, and not just opens /dev/kvm."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

from cift.ops.machine import hardware
from cift.ops.machine.emulator import Emulator
from cift.ops.sandbox.records import write_atomically

TIMEOUT = 20.0
DEVICE = Path("/dev/kvm")
# A kernel without a root file system panics, and with panic=-1 resets: that is far enough.
ARGUMENTS = "console=ttyS0 panic=-1"
FAR_ENOUGH = "Kernel panic"


class Answer(msgspec.Struct):
    """What a trial gave, and for which boot of this machine and which kernel it holds."""

    boot: str
    kernel: str
    works: bool
    why: str


def choose(cache: Path, emulator: Emulator, kernel: Path | None) -> Answer:
    """Whether KVM works, tried at most once for each boot of this machine and each kernel."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    file = cache / "kvm.json"
    if file.exists():
        try:
            known = msgspec.json.decode(file.read_bytes(), type=Answer)
        except msgspec.MsgspecError:
            known = None
        if known and (known.boot, known.kernel) == (boot, str(kernel)):
            return known
    works, why = _try(emulator, kernel)
    answer = Answer(boot, str(kernel), works, why)
    if kernel is not None:
        write_atomically(file, msgspec.json.encode(answer))
    return answer


def _try(emulator: Emulator, kernel: Path | None) -> tuple[bool, str]:
    if not DEVICE.exists():
        return False, f"no {DEVICE}"
    if kernel is None:
        return False, "no kernel to try it with yet"
    argv = [
        *("setpriv", "--pdeathsig", "KILL", *emulator.system),
        *("-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-accel", hardware.ACCELERATOR["kvm"], "-cpu", hardware.CPU["kvm"], "-smp", "4", "-m", "512M"),
        *("-kernel", str(kernel), "-append", ARGUMENTS),
    ]
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return False, f"a stock kernel does not boot under {DEVICE} within {TIMEOUT:.0f} s"
    if done.returncode == 0 and FAR_ENOUGH in done.stdout:
        return True, "a stock kernel boots under it"
    said = done.stderr.strip().splitlines()
    return False, said[-1] if said else "qemu ended without a word"
