#!/usr/bin/python
"""Apply a table of kernel settings: a drop-in file for the next boot, and the running kernel."""

from __future__ import annotations

DOCUMENTATION = r"""
module: setting_sysctl
short_description: Applies a table of kernel settings
description:
  - Writes one drop-in file, and sets every value in the running kernel that differs.
  - In a container the settings that belong to the machine's kernel go to the file and are reported in C(file_only).
options:
  path:
    description: The drop-in file, in C(/etc/sysctl.d).
    type: path
    required: true
  values:
    description: Names and wanted values. An empty table removes the file.
    type: dict
    required: true
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Set what the message server needs
  setting_sysctl:
    path: /etc/sysctl.d/60-cift-nats.conf
    values: {net.core.somaxconn: 8192}
"""

RETURN = r"""
applied:
  description: Names set in the running kernel, with the value before.
  type: dict
  returned: always
file_only:
  description: Names that only the file has, with the reason.
  type: dict
  returned: always
"""

import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.setting_sysctl import Kernel, container, normal  # noqa: E402

HEADER = "# Written by Ansible (role setting): changes made here are lost.\n"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}, "values": {"type": "dict", "required": True}},
        supports_check_mode=True,
    )
    path, kernel, kind = Path(module.params["path"]), Kernel(), container()
    values = {name: normal(value) for name, value in sorted(module.params["values"].items())}
    applied: dict[str, str | None] = {}
    file_only: dict[str, str] = {}
    for name, value in values.items():
        live = kernel.read(name)
        if live == value:
            continue
        if live is None or not kernel.writable(name):
            if kind is None and live is None:
                module.fail_json(msg=f"{name}: this kernel has no such setting; correct its name or take it out")
            file_only[name] = f"container ({kind}): belongs to the machine's kernel" if kind else "read-only"
            continue
        if not module.check_mode:
            try:
                kernel.write(name, value)
            except OSError as error:
                module.fail_json(msg=f"{name}: the kernel has {live} and refused {value} ({error.strerror})")
        applied[name] = live

    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = HEADER + "".join(f"{name} = {value}\n" for name, value in values.items()) if values else ""
    if before != after and not module.check_mode:
        if after:
            with tempfile.NamedTemporaryFile("w", dir=module.tmpdir, delete=False, encoding="utf-8") as draft:
                draft.write(after)
            module.atomic_move(draft.name, str(path))
            path.chmod(0o644)
        else:
            path.unlink()
    module.exit_json(
        changed=before != after or bool(applied),
        applied=applied,
        file_only=file_only,
        diff={"before": before, "after": after, "before_header": str(path), "after_header": str(path)},
    )


if __name__ == "__main__":
    main()
