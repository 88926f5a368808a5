"""Import a role's module, filter or shared code as Ansible would find it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROLES = Path(__file__).parents[2] / "roles"


def load(path: str) -> ModuleType:
    """Return `roles/<path>` as a module; what lies in a role's module_utils must be loaded before its users.

    A program of a role's files finds what lies beside it, as it does on the host.
    """
    file = ROLES / path
    if file.parent.name == "files" and str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    name = f"ansible.module_utils.{file.stem}" if file.parent.name == "module_utils" else f"role_{file.stem}"
    specification = importlib.util.spec_from_file_location(name, file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module
