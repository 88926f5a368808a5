#!/usr/bin/python3 -B
"""Save one store of this host into an encrypted archive, or load it back. The order is JSON on stdin, so that no
password or key is in a process list; the answer is JSON on stdout.

    cift_backup.py save|load|unpack|keep|undo|count < order.json
    cift_backup.py left|check|stop|aside|start|fill|back < order.json

An order: `kind`, what the store's file needs (`backup_*.py` beside this one), `archive`, and
  save: `recipients`, age's public keys.        load: `identity`, age's secret key; `expected`, the manifest's counts;
  `data`, the store's folder; `stop` and `start`, commands; `replace`, whether a store that holds rows may be replaced.
Counts are taken before and after a save: a table that differs was written meanwhile, and is marked `exact: false`.
A load sets the old folder aside first (`.restore-aside`) and moves it back if anything fails; `keep` ends a restore of
all stores, `undo` takes it back. A load that finds a folder aside was preceded by a killed one, and undoes that first.
The second line has the parts of a load and of an undo, one by one: the hosts of a cluster do each of them together, so
that no server with the old data meets one with the new.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

Order = dict[str, Any]
Counts = dict[str, dict[str, Any]]
READY_S = 120.0


class BackupError(Exception):
    """One sentence for the operator."""


def store(order: Order) -> Any:
    """Return the store's module: `count(order)`, `save(order, out)`, `load(order, source)`."""
    return importlib.import_module(f"backup_{order['kind']}")


def sha256(path: Path) -> str:
    """Return a file's checksum."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(order: Order) -> Order:
    """Write the archive under a temporary name, and give it its own when it is whole."""
    archive = Path(order["archive"])
    part = archive.with_name(archive.name + ".part")
    module, before = store(order), None
    try:
        before = module.count(order)
        command = ["age", "--encrypt", "--output", str(part)]
        for recipient in order["recipients"]:
            command += ["--recipient", recipient]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as age:
            broken: BaseException | None = None
            try:
                module.save(order, age.stdin)
                age.stdin.close()
            except BaseException as error:
                broken = error
                if not isinstance(error, BrokenPipeError):
                    age.kill()  # else it would end the archive as if it were whole
                with suppress(BrokenPipeError):  # of what is still buffered: age says better why it ended
                    age.stdin.close()
            said = age.stderr.read().decode().strip()
        if age.returncode != 0 and (broken is None or isinstance(broken, BrokenPipeError)):
            raise BackupError(f"{archive}: not written: {said}")
        if broken is not None:
            raise broken
        after = module.count(order)
        part.chmod(0o600)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(archive)
    finally:
        part.unlink(missing_ok=True)
    for name, row in after.items():
        row["exact"] = row == before.get(name)
    return {"counts": after, "sha256": sha256(archive), "bytes": archive.stat().st_size, **order.get("noted", {})}


def decrypted(archive: Path, identity: str, use: Callable[[BinaryIO], None]) -> None:
    """Give the archive's content to `use`; the key is in memory alone.

    Raises:
        BackupError: the key is another, or the archive is damaged.
    """
    key = os.memfd_create("identity", 0)
    try:
        os.write(key, identity.encode())
        command = ["age", "--decrypt", "--identity", f"/proc/self/fd/{key}", str(archive)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[key]) as age:
            try:
                use(age.stdout)
                while age.stdout.read(1 << 20):
                    pass
            except BaseException:
                age.kill()
                raise
            said = age.stderr.read().decode().strip()
        if age.returncode != 0:
            raise BackupError(f"{archive}: can't be decrypted: {said.splitlines()[0] if said else age.returncode}")
    finally:
        os.close(key)


def run(command: list[str]) -> None:
    """Run a command that starts or stops something."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")


def ready(order: Order) -> Counts:
    """Return the counts of a store that was just started, when it answers."""
    deadline = time.monotonic() + order.get("ready_s", READY_S)
    while True:
        try:
            return dict(store(order).count(order))
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def aside_of(data: Path) -> Path:
    """Return where the old folder of a store is while it is restored."""
    return data.with_name(data.name + ".restore-aside")


def left(order: Order) -> Order:
    """Say whether a restore that failed elsewhere, or was killed, set something aside."""
    return {"left": aside_of(Path(order["data"])).exists()}


def back(order: Order) -> Order:
    """Move the old folder back, if one is aside; what a failed load made stays beside it under a name of its own."""
    data = Path(order["data"])
    if found := aside_of(data).exists():
        if data.exists():
            data.rename(data.with_name(f"{data.name}.failed-{time.time_ns()}"))
        aside_of(data).rename(data)
    return {"moved": found}


def empty_like(old: Path, new: Path) -> None:
    """Make an empty folder with the owner and mode of another."""
    new.mkdir()
    seen = old.stat()
    os.chown(new, seen.st_uid, seen.st_gid)
    new.chmod(seen.st_mode & 0o7777)


def differences(expected: Counts, found: Counts) -> list[str]:
    """Return what differs from the manifest; what was written during the backup may have any count."""
    wrong = []
    for name, row in sorted(expected.items()):
        got = found.get(name)
        if got is None:
            wrong.append(f"{name}: found none, expected {row['rows']} rows")
        elif row["exact"] and (got["rows"], got["hash"]) != (row["rows"], row["hash"]):
            wrong.append(f"{name}: found {got['rows']} rows, hash {got['hash'][:12]}, "
                         f"expected {row['rows']}, {row['hash'][:12]}")  # fmt: skip
    return wrong


def check(order: Order) -> Order:
    """See that the archive can be loaded, and that the store is empty or may be replaced; nothing is touched."""
    archive, module = Path(order["archive"]), store(order)
    if sha256(archive) != order["sha256"]:
        raise BackupError(f"{archive}: damaged: its checksum isn't the manifest's")
    if hasattr(module, "check"):
        module.check(order)
    decrypted(archive, order["identity"], lambda _: None)
    held = {name: row["rows"] for name, row in ready(order).items() if row["rows"]}
    if held and not order.get("replace"):
        some = ", ".join(f"{name} ({rows} rows)" for name, rows in sorted(held.items())[:3])
        raise BackupError(f"{order['kind']} holds data: {some}; expected an empty store, or -e restore_replace=true")
    return {}


def aside(order: Order) -> Order:
    """Set the folder of a store that is stopped aside, and leave an empty one in its place."""
    data = Path(order["data"])
    data.rename(aside_of(data))
    empty_like(aside_of(data), data)
    return {}


def fill(order: Order) -> Order:
    """Load the archive into the store with the empty folder, and hold it against the manifest."""
    archive, module = Path(order["archive"]), store(order)
    if getattr(module, "OFFLINE", False):
        decrypted(archive, order["identity"], lambda source: module.load(order, source))
        run(order["start"])
    else:
        run(order["start"])
        ready(order)
        decrypted(archive, order["identity"], lambda source: module.load(order, source))
    found = ready(order)
    # Another moment than the backup's has other rows.
    if not order.get("target_time") and (wrong := differences(order["expected"], found)):
        raise BackupError(f"{order['kind']}: " + "; ".join(wrong))
    return {"counts": found}


def load(order: Order) -> Order:
    """Replace the store's content by the archive's; on any failure the old content is back."""
    undo(order)
    check(order)
    run(order["stop"])
    try:
        aside(order)
        return fill(order)
    except BaseException:
        # A folder that can't be renamed, such as a disk of its own, was never aside.
        if not undo(order)["undone"]:
            run(order["start"])
        raise


def unpack(order: Order) -> Order:
    """Unpack folders of configuration beside the live ones, and over those only if that is said."""
    archive, module = Path(order["archive"]), store(order)
    if sha256(archive) != order["sha256"]:
        raise BackupError(f"{archive}: damaged: its checksum isn't the manifest's")
    decrypted(archive, order["identity"], lambda source: module.unpack(order, source))
    if order.get("replace"):
        decrypted(archive, order["identity"], lambda source: module.replace(order, source))
    return {"into": order["into"]}


def keep(order: Order) -> Order:
    """Say that the restore of all stores is whole: the old folder gets a name of its own, and stays."""
    data = Path(order["data"])
    kept = data.with_name(f"{data.name}.before-{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns() % 1000000:06d}")
    if aside_of(data).exists():
        aside_of(data).rename(kept)
    return {"aside": str(kept) if kept.exists() else ""}


def undo(order: Order) -> Order:
    """Move back what a restore that failed, here or elsewhere, or was killed, set aside."""
    if found := left(order)["left"]:
        run(order["stop"])
        back(order)
        if hasattr(module := store(order), "clean"):
            module.clean(order)
        run(order["start"])
    return {"undone": found}


def command(name: str) -> Callable[[Order], Order]:
    """Return the verb that carries out a command of the order."""

    def carry_out(order: Order) -> Order:
        run(order[name])
        return {}

    return carry_out


def main() -> int:
    """Carry out the order."""
    sys.path.insert(0, str(Path(__file__).parent))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    action = {
        "save": save,
        "load": load,
        "unpack": unpack,
        "keep": keep,
        "undo": undo,
        "count": lambda order: {"counts": store(order).count(order)},
        # The parts of `load` and `undo`.
        **{"left": left, "check": check, "aside": aside, "fill": fill, "back": back},
        **{name: command(name) for name in ("stop", "start")},
    }
    if len(sys.argv) != 2 or sys.argv[1] not in action:
        print(__doc__)
        return 0 if "--help" in sys.argv else 2
    order = json.load(sys.stdin)
    try:
        if sys.argv[1] in {"save", "load", "unpack"} and shutil.which("age") is None:
            raise BackupError("age is missing: apt-get install age")
        print(json.dumps(action[sys.argv[1]](order)))
    except (BackupError, OSError, subprocess.CalledProcessError, ValueError) as error:
        print(f"cift_backup: {order['kind']}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
