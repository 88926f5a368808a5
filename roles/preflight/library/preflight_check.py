#!/usr/bin/python
"""Hold a host against what its groups ask for."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_check
short_description: Holds a host against what its groups ask for
description:
  - Looks at release, architecture, CPUs, memory, disks and ports in one call, and changes nothing.
  - Fails with one message that lists everything that is not as it must be, unless C(report) is set.
options:
  host:
    description: The inventory's name of the host, for the message.
    type: str
    required: true
  releases:
    description: Releases that will do, by distribution.
    type: dict
    required: true
  architectures:
    description: Architectures that will do.
    type: list
    elements: str
    required: true
  cores:
    description: The least number of CPUs.
    type: int
    required: true
  memory_gib:
    description: The least memory, in GiB.
    type: float
    required: true
  disks:
    description: File systems as path, size_gib, free_gib.
    type: list
    elements: dict
    default: []
  ports:
    description: Ports as port, unit (a pattern of the unit that may hold it).
    type: list
    elements: dict
    default: []
  report:
    description: Return the rows, and don't fail.
    type: bool
    default: false
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Hold the host against what its groups ask for
  preflight_check:
    host: "{{ inventory_hostname }}"
    releases: {debian: ["13"]}
    architectures: [x86_64]
    cores: 4
    memory_gib: 16
    ports: [{port: 4222, unit: nats.service}]
"""

RETURN = r"""
rows:
  description: One row of the verify report for each check.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.preflight_checks import Check, everything  # noqa: E402


def row(host: str, check: Check) -> dict[str, str | None]:
    """Return a check as a row of the verify report."""
    return {
        "host": host,
        "area": "preflight",
        "setting": check.name,
        "wanted": check.expected,
        "persistent": None,
        "live": check.found,
        "verdict": "pass" if check.good else "fail",
        "why": "" if check.good else check.fix,
        "source": "",
    }


def main() -> None:
    """Run the module."""
    dicts = {"type": "list", "elements": "dict", "default": []}
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "releases": {"type": "dict", "required": True},
            "architectures": {"type": "list", "elements": "str", "required": True},
            "cores": {"type": "int", "required": True},
            "memory_gib": {"type": "float", "required": True},
            "disks": {
                **dicts,
                "options": {
                    "path": {"type": "path", "required": True},
                    "size_gib": {"type": "float", "default": 0},
                    "free_gib": {"type": "float", "default": 0},
                },
            },
            "ports": {
                **dicts,
                "options": {
                    "port": {"type": "int", "required": True},
                    "unit": {"type": "str", "required": True},
                },
            },
            "report": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    host = module.params["host"]
    checks = everything(module.params)
    rows = [row(host, check) for check in checks]
    problems = [check.sentence() for check in checks if not check.good]
    if problems and not module.params["report"]:
        listed = "\n".join(f"({number}) {problem}." for number, problem in enumerate(problems, start=1))
        one = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
        module.fail_json(
            msg=f"{host} cannot carry this yet, {one} in the way; nothing was changed.\n{listed}", rows=rows
        )
    module.exit_json(changed=False, rows=rows)


if __name__ == "__main__":
    main()
