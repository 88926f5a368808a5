#!/usr/bin/python
"""Make a table of settings so, or read it back: for the next boot and in the running host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: setting_table
short_description: Applies a table of settings, or reads it back
description:
  - Every row is one setting with its wanted value, why, source, and where it lives; see module_utils/setting_table.py.
  - C(present) writes the drop-in files that the rows make, has systemd, udev and the boot menu read them, sets every
    live value that differs, and reads it back. A value that the kernel refuses or cuts fails, after all others.
  - C(verified) returns one row for each setting with the verdict, and changes nothing.
  - The rows that were applied, every value computed, are kept in C(/etc/cift/settings/<area>.json), so that the host
    can be held against them without a controller.
  - In a container the kernel is another machine's. What can't be applied is written, and skipped with the reason.
options:
  area:
    description: The room that the settings belong to. It names the files, and stands on every row.
    type: str
    required: true
  host:
    description: The inventory's name of the host, written on every row.
    type: str
    required: true
  table:
    description: The rows.
    type: list
    elements: dict
    required: true
  overrides:
    description: Values of the inventory's own, by the setting's name. Null leaves a setting alone.
    type: dict
    default: {}
  stale:
    description: Patterns of files that go when no row makes them any more, if they have this module's header.
    type: list
    elements: str
    default: []
  state:
    description: Make it so, or read it back.
    type: str
    choices: [present, verified]
    default: present
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Set what the host needs
  setting_table:
    area: kernel
    host: "{{ inventory_hostname }}"
    table:
      - name: vm.stat_interval
        kind: sysctl
        value: 10
        what: seconds between two updates of the memory statistics
        why: each update interrupts every CPU
        source: https://docs.kernel.org/admin-guide/sysctl/vm.html
"""

RETURN = r"""
applied:
  description: Settings set in the running host, with the value before.
  type: dict
  returned: when state is present
left_out:
  description: Settings that this host can't have, with the reason.
  type: dict
  returned: when state is present
reboot:
  description: Settings that the next boot brings.
  type: list
  returned: when state is present
files:
  description: Files that were written or removed.
  type: list
  returned: when state is present
actions:
  description: Commands that were run for the files.
  type: list
  returned: when state is present
restart:
  description: Units that run with other values than their files have now.
  type: list
  returned: when state is present
table:
  description: The rows of the table, every item of C(each) and every value of the inventory's own in its place.
  type: list
  elements: dict
  returned: when state is verified
rows:
  description: One row for each setting, with host, area, setting, wanted, persistent, live, verdict, why and source.
  type: list
  elements: dict
  returned: when state is verified
"""

import json  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.setting_apply import Write, present, verified  # noqa: E402
from ansible.module_utils.setting_files import HEADER  # noqa: E402
from ansible.module_utils.setting_machine import Machine  # noqa: E402
from ansible.module_utils.setting_table import BadTableError, Setting, expand, override, validate  # noqa: E402

KEPT = "/etc/cift/settings"


def put(module: AnsibleModule, path: str, text: str) -> None:
    """Have a file with this text, whole or not at all; none for an empty text."""
    if not text:
        Path(path).unlink(missing_ok=True)
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=module.tmpdir, delete=False, encoding="utf-8") as draft:
        draft.write(text)
    module.atomic_move(draft.name, path)
    Path(path).chmod(0o644)


def keep(machine: Machine, area: str, table: list[Setting], write: Write) -> dict[str, tuple[str, str]]:
    """Keep the applied rows where the host's own look for drift finds them; returns the file where it differed."""
    path, text = f"{KEPT}/{area}.json", json.dumps(table, indent=1, sort_keys=True) + "\n"
    before = machine.read(path) or ""
    if before == text:
        return {}
    write(path, text)
    return {path: (before, text)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "area": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "table": {"type": "list", "elements": "dict", "required": True},
            "overrides": {"type": "dict", "default": {}},
            "stale": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "default": "present", "choices": ["present", "verified"]},
        },
        supports_check_mode=True,
    )
    area, machine = module.params["area"], Machine()
    try:
        table = expand(module.params["table"])
        validate(table)
        table = override(table, module.params["overrides"])
    except BadTableError as error:
        module.fail_json(msg=f"table of {area}: {error}")
    if module.params["state"] == "verified":
        origin = {"host": module.params["host"], "area": area}
        module.exit_json(changed=False, table=table, rows=[origin | row for row in verified(machine, table, area)])

    owned = {path for pattern in module.params["stale"] for path in machine.glob(pattern)}
    own = {path for path in owned if (machine.read(path) or "").startswith(HEADER)}
    done = present(
        machine, table, area, stale=own, check=module.check_mode, write=lambda path, text: put(module, path, text)
    )
    done.files |= keep(machine, area, table, lambda path, text: module.check_mode or put(module, path, text))
    result = {
        "changed": bool(done.files or done.applied or done.actions),
        "applied": done.applied,
        "left_out": done.skipped,  # `skipped` would be Ansible's word for the whole task
        "reboot": done.reboot,
        "files": sorted(done.files),
        "actions": done.actions,
        "restart": sorted(set(done.restart)),
        "diff": [
            {"before": before, "after": after, "before_header": path, "after_header": path}
            for path, (before, after) in sorted(done.files.items())
        ],
    }
    if done.failed:
        module.fail_json(msg=f"{area}: {len(done.failed)} settings went wrong: " + "; ".join(done.failed), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
