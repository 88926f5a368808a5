"""One provisioning of an inventory at a time: two would install into the same folders of the same hosts."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cift.ops.runner.inventory import Inventory
from cift.ops.runner.project import ProjectError


@contextmanager
def alone(root: Path, inventory: Inventory) -> Iterator[None]:
    """Hold the inventory for this process; the kernel gives it back with the process, however that ends.

    Raises:
        ProjectError: another `cift up` holds it, or an ansible-playbook that a killed one left is still at work.
    """
    path = root / ".state" / "locks" / inventory.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProjectError(f"another cift up is at work on inventory {inventory.name}: wait for its end") from None
        if left := _left_behind(inventory):
            raise ProjectError(
                f"ansible-playbook of a killed cift is still at work on inventory {inventory.name} "
                f"(process {left}): wait for its end, or end it with kill {left}"
            )
        yield


def _left_behind(inventory: Inventory) -> int | None:
    """Return the process id of an ansible-playbook of `cift` on this inventory; its own `cift` would hold the lock."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended meanwhile
        ours = str(inventory.path) in words and any("cift-runner-" in word for word in words)
        if ours and any(word.endswith("/ansible-playbook") for word in words) and "site.yml" in words:
            return int(folder.name)
    return None
