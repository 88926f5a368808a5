#!/usr/bin/python
"""Install a release on a host from its archive alone, and make it the live one.

A release is complete when its marker is there. The marker is written last, so an install that was killed is done
again from the start; `current` moves in one step, so no reader ever sees it missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_install
short_description: Install a release from an archive made by release_bundle
description:
  - Without I(archive) the module only looks whether the release is complete, and makes it the live one if it is.
options:
  root: {description: "Holds C(releases/<version>/) and the link C(current)", type: path, required: true}
  version: {description: The release's version, type: str, required: true}
  archive: {description: "Archive on the host; it is removed once installed", type: path}
  sha256: {description: What the archive must hash to, type: str}
  keep: {description: "Number of earlier releases that stay", type: int, default: 5}
"""

RETURN = r"""
complete: {description: Whether the release is installed, returned: always, type: bool}
previous: {description: "Version that was live before, or an empty string", returned: always, type: str}
pruned: {description: Versions that were removed, returned: always, type: list, elements: str}
"""

MARKER = "release.json"
UNPACKED_FACTOR = 6


class InstallError(Exception):
    """What is wrong and what to do, in one sentence."""


def is_complete(release: Path) -> bool:
    """Tell whether the install of this release reached its end."""
    return (release / MARKER).is_file() and (release / "bin/python").exists()


def check_archive(archive: Path, expected: str, root: Path) -> None:
    """Refuse an archive that is damaged, and a disk on which the release has no room."""
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise InstallError(f"{archive} has sha256 {found}, expected {expected}; delete it and run the play again.")
    needed = archive.stat().st_size * UNPACKED_FACTOR
    free = shutil.disk_usage(root).free
    if free < needed:
        raise InstallError(f"{root} has {free >> 20} MiB free, the release needs {needed >> 20} MiB; free some space.")


def unpack(archive: Path, destination: Path) -> None:
    """Unpack plain files only, and only to where the builder puts them."""
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is None or path.is_absolute() or ".." in path.parts:
                raise InstallError(f"{archive} holds '{member.name}', which is no plain file; build the release again.")
            target = destination / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)


def call(step: str, *command: str | Path) -> None:
    """Run one step of the install; its last line of output goes into the error."""
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull}
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env=environment
    )
    if result.returncode != 0:
        last = ((result.stderr or result.stdout).strip().splitlines() or ["no message"])[-1]
        raise InstallError(f"{step} failed with exit status {result.returncode}: {last}")


def install(release: Path, archive: Path, digest: str) -> None:
    """Build the release's virtual environment from the archive, without a network."""
    shutil.rmtree(release, ignore_errors=True)
    release.mkdir(parents=True, mode=0o755)
    files = release / ".files"
    unpack(archive, files)
    call("Making the virtual environment", sys.executable, "-m", "venv", release)
    call(
        "Installing the wheels",
        *(release / "bin/python", "-m", "pip", "install", "--quiet", "--no-input", "--no-compile", "--no-index"),
        *("--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--require-hashes"),
        *("--find-links", files / "wheels", "--requirement", files / "requirements.txt"),
    )
    # Services may not write here, so byte code is made now; -j0 uses every core, which pip does not.
    call("Compiling to byte code", release / "bin/python", "-m", "compileall", "-q", "-j0", release / "lib")
    shutil.rmtree(files)
    marker = release / f"{MARKER}.part"
    with marker.open("w") as stream:
        json.dump({"version": release.name, "archive_sha256": digest}, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    marker.rename(release / MARKER)
    archive.unlink()


def live_version(link: Path) -> str:
    """Return the version that `current` points to, or an empty string."""
    return link.readlink().name if link.is_symlink() else ""


def make_live(link: Path, version: str) -> None:
    """Point `current` to the release in one step."""
    part = link.with_name(f".{link.name}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(Path("releases", version))
    part.rename(link)


def superseded(releases: Path, live: str, previous: str, keep: int) -> list[str]:
    """Return the versions to remove: all but the live one and `keep` others, the one before it and then the newest."""
    others = [path for path in releases.iterdir() if path.is_dir() and path.name != live]
    newest_first = sorted(others, key=lambda path: (path.name == previous, path.stat().st_mtime), reverse=True)
    return sorted(path.name for path in newest_first[keep:])


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the release to the wanted state as far as the archive at hand allows; return the module's result."""
    root, version = Path(params["root"]), params["version"]
    releases, link = root / "releases", root / "current"
    release = releases / version
    result: dict[str, Any] = {"changed": False, "previous": live_version(link), "pruned": []}
    result["complete"] = is_complete(release)
    if not result["complete"] and check_mode:
        return result | {"changed": True}
    if not result["complete"]:
        if params["archive"] is None:
            return result
        releases.mkdir(parents=True, exist_ok=True, mode=0o755)
        check_archive(Path(params["archive"]), params["sha256"], root)
        install(release, Path(params["archive"]), params["sha256"])
        result |= {"changed": True, "complete": True}
    if result["previous"] != version:
        result["changed"] = True
        if not check_mode:
            make_live(link, version)
    result["pruned"] = superseded(releases, version, result["previous"], params["keep"])
    result["changed"] = result["changed"] or bool(result["pruned"])
    if not check_mode:
        for name in result["pruned"]:
            shutil.rmtree(releases / name)
    return result


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "archive": {"type": "path"},
            "sha256": {"type": "str"},
            "keep": {"type": "int", "default": 5},
        },
        required_together=[("archive", "sha256")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except (InstallError, OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
