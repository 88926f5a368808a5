#!/usr/bin/python
"""Have folders with the right owner and mode, all in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: setting_directories
short_description: Makes folders with the right owner and mode in one call
options:
  directories:
    description: Folders as path, owner (root), group (root), mode (0755); parents come before their children.
    type: list
    elements: dict
    required: true
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Have the server's folders
  setting_directories:
    directories:
      - {path: /etc/nats, group: nats, mode: "0750"}
"""

RETURN = r"""
changed_paths:
  description: Folders that were made or corrected.
  type: list
  returned: always
"""

import grp  # noqa: E402
import os  # noqa: E402
import pwd  # noqa: E402
import stat  # noqa: E402
from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402


def ensure(path: Path, owner: str, group: str, mode: int, check: bool) -> bool:
    """Make or correct one folder; returns whether something differed. With `check` nothing is changed."""
    if not path.exists():
        if not check:
            path.mkdir(parents=True, mode=mode)
        created = True
    elif not path.is_dir():
        raise NotADirectoryError(f"{path} is there but is not a folder; move it away")
    else:
        created = False
    if check and created:
        return True  # its owner may not be there yet either
    info = path.stat()
    uid, gid = pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    differs = (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) != (uid, gid, mode)
    if differs and not check:
        os.chown(path, uid, gid)
        path.chmod(mode)
    return created or differs


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "owner": {"type": "str", "default": "root"},
                    "group": {"type": "str", "default": "root"},
                    "mode": {"type": "str", "default": "0755"},
                },
            }
        },
        supports_check_mode=True,
    )
    changed = []
    for item in module.params["directories"]:
        try:
            if ensure(Path(item["path"]), item["owner"], item["group"], int(item["mode"], 8), module.check_mode):
                changed.append(item["path"])
        except (OSError, KeyError, ValueError) as error:
            module.fail_json(msg=f"folder {item['path']}: {error}")
    module.exit_json(changed=bool(changed), changed_paths=changed)


if __name__ == "__main__":
    main()
