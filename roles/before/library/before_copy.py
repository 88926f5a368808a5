#!/usr/bin/python
"""Keep what a host had before it was tuned, and give it back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: before_copy
short_description: Keeps what a host had before it was tuned, and gives it back
description:
  - C(opened) copies the watched files and notes the live values and the units, before a run.
  - C(closed) keeps of that what the run changed, the first value ever seen, in C(/var/lib/cift/before).
  - C(restored) gives all of it back, and removes what was not there.
  - C(forgotten) puts the copy aside, once C(read) has nothing but passing rows.
options:
  state:
    description: What to do.
    type: str
    choices: [read, opened, closed, restored, forgotten]
    default: read
  watched:
    description: Files and folders that tuning may change.
    type: list
    elements: path
    required: true
  host:
    description: The inventory's name of the host, written on every row.
    type: str
    default: ""
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Keep what the host had
  before_copy:
    state: opened
    watched: [/etc/sysctl.d]
"""

RETURN = r"""
changes:
  description: What the run changed for the first time, or what was given back.
  type: raw
  returned: when state is closed or restored
rows:
  description: Rows of a verify report, whether everything is again as it was.
  type: list
  returned: when state is read
"""

from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.before_restore import Restore, rows  # noqa: E402
from ansible.module_utils.before_store import Store, StoreError  # noqa: E402
from ansible.module_utils.before_watch import snapshot  # noqa: E402


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "default": "read",
                "choices": ["read", "opened", "closed", "restored", "forgotten"],
            },
            "watched": {"type": "list", "elements": "path", "required": True},
            "host": {"type": "str", "default": ""},
        }
    )
    root, state = Path("/"), module.params["state"]
    store = Store(root)

    def run(words: list[str]) -> tuple[int, str, str]:
        try:
            status, output, errors = module.run_command(words, handle_exceptions=False)
        except FileNotFoundError:
            return 127, "", f"{words[0]} is not installed"
        return status, output, errors

    def now() -> dict[str, dict[str, object]]:
        return snapshot(root, module.params["watched"], run)

    try:
        if state == "opened":
            # The copy is no part of what the host is for: making it is never a change.
            store.is_open() or store.open(now())
            module.exit_json(changed=False)
        if state == "closed":
            module.exit_json(changed=False, changes=store.close(now()) if store.is_open() else {})
        if state == "restored":
            if store.is_open():
                store.close(now())
            restore = Restore(root, store, run)
            restore.all()
            result = {"changed": bool(restore.changed), "changes": restore.changed}
            if restore.problems:
                module.fail_json(msg="not everything could be given back: " + "; ".join(restore.problems), **result)
            module.exit_json(**result)
        if state == "forgotten":
            store.forget()
            module.exit_json(changed=False)
        found = [{"host": module.params["host"]} | row for row in rows(root, store, run)]
        module.exit_json(changed=False, rows=found)
    except (StoreError, OSError) as error:
        module.fail_json(msg=f"the copy of what the host had: {error}")


if __name__ == "__main__":
    main()
