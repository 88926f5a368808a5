#!/usr/bin/python
"""Have artifacts in the controller's cache, with the right checksums."""

from __future__ import annotations

DOCUMENTATION = r"""
module: artifact_fetch
short_description: Downloads artifacts to a cache and checks them
description:
  - Runs on the builder. A file in the cache with the right sha256 is not downloaded again.
  - A file with a wrong checksum never gets into the cache. Where the table has none it is the publisher's list's.
options:
  table:
    description: The table of artifacts, see roles/artifact/vars/main.yml.
    type: dict
    required: true
  names:
    description: Which artifacts of the table.
    type: list
    elements: str
    required: true
  architectures:
    description: For which architectures.
    type: list
    elements: str
    required: true
  cache:
    description: The folder of downloads.
    type: path
    required: true
  mirror:
    description: Replaces every address's folder.
    type: str
    default: ""
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Have the message server's archive
  artifact_fetch:
    table: "{{ __artifact_effective }}"
    names: [nats-server]
    architectures: [x86_64]
    cache: .state/build/artifacts
  delegate_to: localhost
"""

RETURN = r"""
files:
  description: Paths in the cache, by artifact and architecture.
  type: dict
  returned: always
checksums:
  description: The files' sha256, by artifact and architecture.
  type: dict
  returned: always
"""

from pathlib import Path  # noqa: E402

from ansible.module_utils.artifact_source import fetch  # noqa: E402
from ansible.module_utils.artifact_table import ArtifactError, entry  # noqa: E402
from ansible.module_utils.basic import AnsibleModule  # noqa: E402


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "table": {"type": "dict", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "architectures": {"type": "list", "elements": "str", "required": True},
            "cache": {"type": "path", "required": True},
            "mirror": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    files: dict[str, dict[str, str]] = {}
    checksums: dict[str, dict[str, str]] = {}
    changed = False
    try:
        for name in wanted["names"]:
            for architecture in wanted["architectures"]:
                item = entry(wanted["table"], name, architecture)
                path, fresh = fetch(item, Path(wanted["cache"]).resolve(), wanted["mirror"])
                files.setdefault(name, {})[architecture] = str(path)
                checksums.setdefault(name, {})[architecture] = item["sha256"]
                changed |= fresh
    except ArtifactError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"the cache of downloads {wanted['cache']}: {error}; free space or set artifact_cache")
    module.exit_json(changed=changed, files=files, checksums=checksums)


if __name__ == "__main__":
    main()
