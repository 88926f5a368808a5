"""The roles' own modules, for commands that do what the playbooks do: one reader and one downloader for both."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

ROLES = Path(__file__).parents[2] / "roles"


def room(role: str, name: str) -> Any:
    """Return `roles/<role>/module_utils/<name>.py` as Ansible imports it, so that a class in it is the same one."""
    folder = str(ROLES / role / "module_utils")
    package = importlib.import_module("ansible.module_utils")
    if folder not in package.__path__:
        package.__path__.append(folder)
    return importlib.import_module(f"ansible.module_utils.{name}")
