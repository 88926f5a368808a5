"""Where the playbooks are: the checkout that `cift` is used from."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class ProjectError(ValueError):
    """The checkout or an inventory is missing; the message says which and where it was looked for."""


def find_root(start: Path | None = None) -> Path:
    """Return the checkout: the working directory or one above it, else the one this package was installed from."""
    here = (start or Path.cwd()).resolve()
    package = Path(__file__).resolve().parents[3]
    for folder in (here, *here.parents, package):
        if (folder / "ansible.cfg").is_file() and (folder / "playbooks").is_dir():
            return folder
    raise ProjectError(
        f"{here}: no ansible.cfg with playbooks/ here or above; run cift inside a checkout of the project"
    )


def find_inventory(root: Path, name: str) -> Path:
    """Return the folder of an inventory named like one in inventories/, or given as a path."""
    for candidate in (root / "inventories" / name, Path(name).expanduser()):
        if candidate.exists():
            return candidate.resolve()
    known = sorted(path.name for path in (root / "inventories").glob("*") if path.is_dir() and path.name != "shared")
    raise ProjectError(f"inventory {name!r} not found; choose one of {', '.join(known)} or give a path")


def environment(root: Path) -> dict[str, str]:
    """Return what ansible needs to be found and to behave as on the command line in the checkout."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_NOCOLOR": "1",
    }
