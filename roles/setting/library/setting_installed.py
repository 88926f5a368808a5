#!/usr/bin/python
"""List what is installed on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: setting_installed
short_description: Lists releases, artifacts and packages with versions and checksums
description:
  - Changes nothing.
options:
  root:
    description: The folder below which releases and artifacts are, each in a folder of its own.
    type: path
    default: /opt
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: See what is installed
  setting_installed:
  register: installed
"""

RETURN = r"""
installed:
  description: Rows with kind (release, artifact, package), name, version and sha256, which is empty where unknown.
  type: list
  elements: dict
  returned: always
"""

from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.setting_installed import installed  # noqa: E402


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"root": {"type": "path", "default": "/opt"}}, supports_check_mode=True)
    try:
        rows = installed(Path(module.params["root"]))
    except OSError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, installed=rows)


if __name__ == "__main__":
    main()
