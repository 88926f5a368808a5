"""An inventory as ansible itself reads it: groups and hosts, values still untemplated."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from cift.ops.runner.project import ProjectError, environment


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts of each group, and each host's variables as they are written."""

    name: str
    path: Path
    groups: dict[str, list[str]]
    hostvars: dict[str, dict[str, Any]]

    def hosts(self, group: str) -> list[str]:
        """Return the hosts of a group, empty if there is no such group."""
        return self.groups.get(group, [])

    @property
    def sandbox_hosts(self) -> list[str]:
        """Return the hosts that `cift sandbox` makes: their inventory says where the sandbox is."""
        return [host for host, values in self.hostvars.items() if "cift_sandbox_dir" in values]


def read_inventory(root: Path, path: Path) -> Inventory:
    """Read an inventory with ansible's own reader, plugins included.

    Raises:
        ProjectError: ansible found no host in it; the message says what ansible said.
    """
    import ansible_runner

    # ansible-runner looks for ansible along this process's own PATH, which lacks a virtual environment not activated.
    os.environ["PATH"] = environment(root)["PATH"]
    with tempfile.TemporaryDirectory(prefix="cift-runner-") as folder:
        answer, said = ansible_runner.get_inventory(
            "list",
            [str(path)],
            response_format="json",
            quiet=True,
            private_data_dir=folder,
            envvars=environment(root),
        )
    hostvars = answer.get("_meta", {}).get("hostvars", {}) if isinstance(answer, dict) else {}
    if not hostvars:
        raise ProjectError(f"inventory {path}: no hosts; {' '.join(said.split()) or 'add some to a group'}")
    groups = {name: _members(answer, name) for name in answer if name != "_meta"}
    return Inventory(name=path.name if path.is_dir() else path.parent.name, path=path, groups=groups, hostvars=hostvars)


def _members(answer: dict[str, Any], group: str) -> list[str]:
    own = answer.get(group, {})
    below = [host for child in own.get("children", []) for host in _members(answer, child)]
    return list(dict.fromkeys([*own.get("hosts", []), *below]))
