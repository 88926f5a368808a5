#!/usr/bin/python
"""Unpack an artifact and make it the current one, wholly or not at all."""

from __future__ import annotations

DOCUMENTATION = r"""
module: artifact_install
short_description: Unpacks an artifact and makes it the current one
description:
  - Checks the sha256, unpacks into a temporary folder beside the target, renames it, and moves the link C(current).
  - A run that was killed leaves the installed version untouched.
options:
  table:
    description: The table of artifacts, see roles/artifact/vars/main.yml.
    type: dict
    required: true
  name:
    description: Which artifact of the table.
    type: str
    required: true
  architecture:
    description: Of which architecture.
    type: str
    required: true
  sha256:
    description: Its checksum, where the table has none and the publisher's list was asked.
    type: str
  src:
    description: The archive on this host. It is removed after unpacking.
    type: path
    required: true
  root:
    description: The folder of the artifact's folder.
    type: path
    default: /opt
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Unpack the message server
  artifact_install:
    table: "{{ __artifact_effective }}"
    name: nats-server
    architecture: x86_64
    src: /var/tmp/nats.whl
"""

RETURN = r"""
path:
  description: The folder of the version.
  type: str
  returned: always
"""

import json  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import zipfile  # noqa: E402
from pathlib import Path, PurePosixPath  # noqa: E402
from typing import Any  # noqa: E402

from ansible.module_utils.artifact_table import ArtifactError, check_digits, entry, verify  # noqa: E402
from ansible.module_utils.basic import AnsibleModule  # noqa: E402


def unpack_all(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive; members that would leave the folder are refused."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(folder)
        return
    # Python's own unpacks what leaves the folder too, in Debian 12; tar never does.
    done = subprocess.run(
        ["tar", "--extract", "--no-same-owner", "--file", str(archive), "--directory", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise OSError(done.stderr.strip().splitlines()[0] if done.stderr else f"tar ended with {done.returncode}")


def place(unpacked: Path, item: dict[str, Any], target: Path) -> None:
    """Move what the table wants from the unpacked archive to the target folder."""
    if "files" not in item:
        top = unpacked
        for _ in range(int(item.get("strip", 0))):
            (top,) = top.iterdir()
        top.rename(target)
        return
    target.mkdir()
    for pattern, wanted in item["files"].items():
        source = pattern.format(version=item["version"], architecture=item["architecture"])
        destination = target / PurePosixPath(wanted["path"])
        if not (unpacked / source).is_file():
            raise ArtifactError(f"artifact {item['name']}: the archive has no file {source}, expected by its entry")
        destination.parent.mkdir(parents=True, exist_ok=True)
        (unpacked / source).rename(destination)
        destination.chmod(int(wanted["mode"], 8))


def place_whole(file: Path, wanted: dict[str, Any], target: Path) -> None:
    """Put a file that isn't unpacked, such as a jar, into the target folder."""
    destination = target / PurePosixPath(wanted["path"])
    destination.parent.mkdir(parents=True)
    shutil.copyfile(file, destination)
    destination.chmod(int(wanted["mode"], 8))


def link(target: Path) -> None:
    """Make `current` beside the target point to it, in one step."""
    draft = target.parent / f".current-{os.getpid()}"
    draft.symlink_to(target.name)
    draft.replace(target.parent / "current")


def install(item: dict[str, Any], archive: Path, root: Path) -> Path:
    """Unpack the archive to `<root>/<name>/<version>` and make it current; returns the folder."""
    home = root / item["name"]
    target = home / str(item["version"])
    verify(archive, item)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=home) as scratch:
        unpacked, ready = Path(scratch, "unpacked"), Path(scratch, "ready")
        unpacked.mkdir()
        if "whole" in item:
            place_whole(archive, item["whole"], ready)
        else:
            unpack_all(archive, unpacked)
            place(unpacked, item, ready)
        ready.chmod(0o755)
        said = {"version": str(item["version"]), "sha256": item["sha256"]}
        (ready / "artifact.json").write_text(json.dumps(said) + "\n")  # for the report of what is installed
        (ready / f".cift-{item['sha256'][:16]}").touch()
        if item.get("published"):
            (ready / f".cift-{item['version']}-published").touch()
        if target.exists():  # the same version with another checksum, or a damaged one
            target.rename(Path(scratch, "old"))
        ready.rename(target)
    link(target)
    return target


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "table": {"type": "dict", "required": True},
            "name": {"type": "str", "required": True},
            "architecture": {"type": "str", "required": True},
            "sha256": {"type": "str"},
            "src": {"type": "path", "required": True},
            "root": {"type": "path", "default": "/opt"},
        },
        supports_check_mode=True,
    )
    wanted, archive = module.params, Path(module.params["src"])
    try:
        item = entry(wanted["table"], wanted["name"], wanted["architecture"])
        if "sha256" not in item:
            item |= {"sha256": check_digits(item["name"], wanted["sha256"]), "published": True}
        target = Path(wanted["root"], item["name"], str(item["version"]))
        if not module.check_mode:
            install(item, archive, Path(wanted["root"]))
            archive.unlink()
    except ArtifactError as error:
        module.fail_json(msg=str(error))
    except (OSError, zipfile.BadZipFile, shutil.Error) as error:
        module.fail_json(msg=f"artifact {wanted['name']}: {archive} could not be unpacked to {wanted['root']}: {error}")
    module.exit_json(changed=True, path=str(target))


if __name__ == "__main__":
    main()
