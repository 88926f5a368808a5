#!/usr/bin/python
"""Build a release once: the application's wheel, and one archive for each kind of host with everything it needs.

A release's version is the project's version plus a hash over the sources and locks it is made from. A version is
immutable: what was built once is handed out again, bit for bit.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_bundle
short_description: Pack wheels into the archive that a kind of host installs from
description:
  - Runs on the builder. C(<directory>/<version>/) holds the application's wheel, one archive for each variant and
    MANIFEST.json. Hosts of one kind may ask at the same time, the archive is made once.
options:
  project: {description: The checkout, type: path, required: true}
  sources:
    description: Files and folders of the checkout that make the version
    type: list
    elements: str
    required: true
  salt: {description: "Build settings that make a version as well, such as compiler flags", type: str, default: ""}
  directory: {description: Folder that holds the releases, type: path, required: true}
  variant: {description: "Name of the kind of host, such as py3.13.5-znver4", type: str, required: true}
  wheelhouse: {description: Folder made by the wheelhouse module, type: path, required: true}
  wheels: {description: Further wheels, type: list, elements: path, default: []}
  keep: {description: Number of releases that stay on the builder, type: int, default: 5}
"""

RETURN = r"""
version: {description: The release's version, returned: always, type: str}
archive: {description: Path of the archive, returned: always, type: str}
sha256: {description: "What the archive hashes to, empty as long as it is not built", returned: always, type: str}
size: {description: Bytes of the archive, returned: always, type: int}
"""

MANIFEST = "MANIFEST.json"
SKIPPED_FOLDERS = {"__pycache__", "target", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
SKIPPED_SUFFIXES = {".pyc", ".so"}


class ReleaseError(Exception):
    """What is wrong and what to do, in one sentence."""


def source_files(project: Path, sources: list[str]) -> Iterator[Path]:
    """Yield every source file in a stable order; what builds and tests leave behind is passed over."""
    for name in sorted(sources):
        root = project / name
        if not root.exists():
            raise ReleaseError(f"{root} does not exist, but a release is made from it; check the checkout.")
        if root.is_file():
            yield root
            continue
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not f.endswith(".egg-info"))
            yield from (Path(folder, file) for file in sorted(files) if Path(file).suffix not in SKIPPED_SUFFIXES)


def release_version(project: Path, sources: list[str], salt: str) -> str:
    """Return `<project version>+<first 12 hex of sha256 over sources, locks and build settings>`."""
    digest = hashlib.sha256(salt.encode())
    for path in source_files(project, sources):
        digest.update(f"\0{path.relative_to(project)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    base = tomllib.loads((project / "pyproject.toml").read_text())["project"]["version"]
    return f"{base}+{digest.hexdigest()[:12]}"


def sha256(path: Path) -> str:
    """Return a file's sha256 in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def build_wheel(project: Path, destination: Path) -> Path:
    """Build the application's wheel, the same bits from the same sources, without an isolated environment."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(destination)]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    wheels = list(destination.glob("*.whl"))
    if result.returncode != 0 or len(wheels) != 1:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ReleaseError(
            f"The application's wheel could not be built ({last}); try '{' '.join(command[1:5])}' in {project}."
        )
    return wheels[0]


def requirement_of(wheel: Path) -> str:
    """Return the line that installs exactly this wheel."""
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version} --hash=sha256:{sha256(wheel)}"


def pack(archive: Path, wheelhouse: Path, wheels: list[Path]) -> None:
    """Write the archive: `requirements.txt` with hashes and `wheels/`; times, owners and order are fixed."""
    requirements = (wheelhouse / "requirements.txt").read_text() + "".join(f"{requirement_of(w)}\n" for w in wheels)
    members = {path.name: path for path in [*wheelhouse.glob("*.whl"), *wheels]}
    part = archive.with_suffix(".part")
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
        text = requirements.encode()
        info = tarfile.TarInfo("requirements.txt")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
        for name, path in sorted(members.items()):
            info = tarfile.TarInfo(f"wheels/{name}")
            info.size = path.stat().st_size
            with path.open("rb") as stream:
                tar.addfile(info, stream)
    part.rename(archive)


def read_manifest(release: Path) -> dict[str, Any]:
    """Return the manifest with the entries whose files are whole."""
    try:
        manifest: dict[str, Any] = json.loads((release / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    archives = manifest.get("archives", {})
    for name, entry in list(archives.items()):
        path = release / entry["file"]
        if not path.is_file() or path.stat().st_size != entry["size"]:
            del archives[name]
    return manifest


def write_manifest(release: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest in one step, after the files that it names."""
    part = release / f"{MANIFEST}.part"
    part.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    part.rename(release / MANIFEST)


def build(release: Path, params: dict[str, Any]) -> dict[str, Any]:
    """Build what the release lacks of this variant; return the archive's entry in the manifest."""
    release.mkdir(parents=True, exist_ok=True)
    project, variant = Path(params["project"]), params["variant"]
    manifest = read_manifest(release)
    application = next(release.glob("*.whl"), None)
    if application is None or manifest.get("application", {}).get("sha256") != sha256(application):
        with tempfile.TemporaryDirectory(dir=release) as scratch:
            built = build_wheel(project, Path(scratch))
            application = built.rename(release / built.name)
        manifest = {"version": release.name, "archives": {}}
        manifest["application"] = {"file": application.name, "sha256": sha256(application)}
    archive = release / f"{release.name}-{variant}.tar"
    pack(archive, Path(params["wheelhouse"]), [application, *map(Path, params["wheels"])])
    entry = {"file": archive.name, "sha256": sha256(archive), "size": archive.stat().st_size}
    manifest["archives"][variant] = entry
    write_manifest(release, manifest)
    return entry


def prune(root: Path, live: Path, keep: int) -> None:
    """Remove the oldest releases beyond `keep`; the one at hand always stays."""
    releases = sorted((path for path in root.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in [path for path in releases if path != live][: max(0, len(releases) - keep)]:
        shutil.rmtree(old)


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Find or build the release; return the module's result."""
    project, root = Path(params["project"]), Path(params["directory"])
    version = release_version(project, params["sources"], params["salt"])
    release = root / version
    entry = read_manifest(release).get("archives", {}).get(params["variant"])
    changed = entry is None
    if entry is None and not check_mode:
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entry = read_manifest(release).get("archives", {}).get(params["variant"])
            changed = entry is None
            if entry is None:
                entry = build(release, params)
                prune(root, release, params["keep"])
    entry = entry or {"file": f"{version}-{params['variant']}.tar", "sha256": "", "size": 0}
    archive = str(release / entry["file"])
    return {
        "changed": changed,
        "version": version,
        "archive": archive,
        "sha256": entry["sha256"],
        "size": entry["size"],
    }


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "path", "required": True},
            "sources": {"type": "list", "elements": "str", "required": True},
            "salt": {"type": "str", "default": ""},
            "directory": {"type": "path", "required": True},
            "variant": {"type": "str", "required": True},
            "wheelhouse": {"type": "path", "required": True},
            "wheels": {"type": "list", "elements": "path", "default": []},
            "keep": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except (ReleaseError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
