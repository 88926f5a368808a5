#!/usr/bin/python
"""Leave the code of the proof on the host, as the modules that prove have it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_program
short_description: Leaves the code of the proof on the host
description:
  - Writes the module_utils that prove settings and behaviour, to the letter as this module was sent with them, below
    C(<folder>/ansible/module_utils), where a program finds them under their own name without Ansible.
  - Files that it left before and doesn't have any more go.
options:
  folder:
    description: The folder beside the program.
    type: path
    required: true
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Bring the code of the proof
  proof_program:
    folder: /usr/local/lib/cift/drift
"""

RETURN = r"""
files:
  description: Files that were written or removed.
  type: list
  returned: always
"""

import importlib  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from ansible.module_utils import proof_cheap, proof_metrics  # noqa: E402, F401 - sent with this module, as is all they use
from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.setting_apply import verified  # noqa: E402, F401

PREFIX = "ansible.module_utils."
OURS = ("proof_", "setting_")


def sources() -> dict[str, str]:
    """Return `{file name: text}` of our modules that are imported here."""
    found = {}
    for full in sorted(sys.modules):
        name = full.removeprefix(PREFIX)
        if full.startswith(PREFIX) and name.startswith(OURS):
            loader = importlib.import_module(full).__loader__
            found[f"{name}.py"] = loader.get_source(full)
    return found


def bring(folder: Path, texts: dict[str, str], check: bool) -> list[str]:
    """Have the files with these texts and no others; returns those that differed. With `check` nothing is changed."""
    changed = []
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            changed.append(str(path))
            if not check:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                path.chmod(0o644)
    for path in sorted(folder.glob("*.py")):
        if path.name not in texts:
            changed.append(str(path))
            if not check:
                path.unlink()
    return changed


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"folder": {"type": "path", "required": True}}, supports_check_mode=True)
    folder = Path(module.params["folder"], "ansible", "module_utils")
    changed = bring(folder, sources(), module.check_mode)
    module.exit_json(changed=bool(changed), files=changed)


if __name__ == "__main__":
    main()
