#!/usr/bin/python
"""Read back a table of settings in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: setting_verify
short_description: Reads back a table of settings in one call
description:
  - Reads files, units, ports, URLs, limits, packages, file systems, the clock and commands; one row for each.
  - Changes nothing, and doesn't fail on a wrong setting. The play that gathers the rows decides.
options:
  area:
    description: The room that the checks belong to, written on every row.
    type: str
    required: true
  host:
    description: The inventory's name of the host, written on every row.
    type: str
    required: true
  checks:
    description:
      - What to read. Every check has C(kind), and may have C(setting) (the row's name), C(why) and C(source).
      - C(file) path, owner, group, mode, sha256, contains, target, type (file, directory, link), or absent.
      - C(unit) unit, active and enabled (true unless told), properties (one more row each).
      - C(listen) port, address (the only one allowed).
      - C(http) url, status (200), contains, headers (of the answer), request_headers, ca, timeout.
      - C(process_limit) unit, limit (LimitNOFILE, ...), value.
      - C(package) name, version (a prefix).
      - C(filesystem) path, types (file systems that it may lie on).
      - C(clock) limit_us (how far chrony may say that the clock is off).
      - C(rows) argv (a program of ours that prints rows as JSON), skip_in_container (why it can't be read there).
      - C(command) argv, rc (0), contains, environment_file, timeout.
    type: list
    elements: dict
    required: true
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Read back what the role promises
  setting_verify:
    area: nats
    host: "{{ inventory_hostname }}"
    checks:
      - {kind: unit, unit: nats.service, properties: {NoNewPrivileges: true}}
      - {kind: listen, port: 4222, address: 127.0.0.1}
"""

RETURN = r"""
rows:
  description: One row for each setting, with host, area, setting, wanted, persistent, live, verdict, why and source.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.setting_checks import READERS  # noqa: E402
from ansible.module_utils.setting_rows import BadCheckError, Check, Row, row, validate  # noqa: E402


def read(check: Check) -> list[Row]:
    """Return the rows of one check; what cannot be read is a failed row with the reason, never an exception."""
    try:
        return READERS[check["kind"]](check)
    except Exception as error:
        return [row(check, check["kind"], "readable", live=f"{type(error).__name__}: {error}", verdict="fail")]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "area": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "checks": {"type": "list", "elements": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    checks = module.params["checks"]
    try:
        validate(checks)
    except BadCheckError as error:
        module.fail_json(msg=f"setting_checks of {module.params['area']}: {error}")
    origin = {"host": module.params["host"], "area": module.params["area"]}
    module.exit_json(changed=False, rows=[origin | found for check in checks for found in read(check)])


if __name__ == "__main__":
    main()
