#!/usr/bin/python
"""Fetch every wheel that a lock file names, for a Python other than the one that asks.

pip judges a lock's markers by the Python that runs it, not by `--python-version`; the markers are therefore settled
here, for the host's Python, before pip sees the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wheelhouse
short_description: Fetch the wheels of a lock file into a cached folder
description:
  - Runs on the builder. The folder's name holds a hash of what was asked for, so a second run finds it complete.
options:
  requirements: {description: Lock file with hashes, type: path, required: true}
  directory: {description: Folder that holds the wheelhouses, type: path, required: true}
  python_version: {description: "Full version of the host's Python, such as 3.13.5", type: str, required: true}
  architecture: {description: "The host's machine name", type: str, default: x86_64}
  glibc: {description: "Oldest C library that the wheels must run on", type: str, default: "2.36"}
"""

RETURN = r"""
path: {description: The folder with the wheels, requirements.txt and wheelhouse.json, returned: always, type: str}
present: {description: Whether the folder is complete, returned: always, type: bool}
wheels: {description: Number of wheels, returned: always, type: int}
size: {description: Bytes of all wheels, returned: always, type: int}
"""

MANIFEST = "wheelhouse.json"


class WheelhouseError(Exception):
    """What is wrong and what to do, in one sentence."""


def logical_lines(text: str) -> list[str]:
    """Join a lock file's continued lines; comments and empty lines are dropped."""
    joined = text.replace("\\\n", " ")
    return [
        " ".join(line.split()) for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


def settle_markers(text: str, python_version: str, architecture: str) -> list[str]:
    """Return the lock's lines that hold for the host's Python, without their markers."""
    from packaging.markers import default_environment
    from packaging.requirements import InvalidRequirement, Requirement

    environment = default_environment() | {
        "python_version": ".".join(python_version.split(".")[:2]),
        "python_full_version": python_version,
        "implementation_version": python_version,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": architecture,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
    }
    settled = []
    for line in logical_lines(text):
        specification, *hashes = line.split(" --hash=")
        try:
            requirement = Requirement(specification)
        except InvalidRequirement as error:
            raise WheelhouseError(
                f"Lock line '{specification}' is no requirement ({error}); run scripts/lock.sh."
            ) from error
        if not hashes:
            raise WheelhouseError(f"Lock line '{specification}' has no --hash; run scripts/lock.sh.")
        if requirement.marker is None or requirement.marker.evaluate(environment):
            requirement.marker = None
            settled.append(" ".join([str(requirement), *(f"--hash={value}" for value in hashes)]))
    return settled


def platform_tags(architecture: str, glibc: str) -> list[str]:
    """Return the manylinux tags that run on a C library of that version, newest first."""
    major, minor = (int(part) for part in glibc.split("."))
    oldest = 5 if architecture == "x86_64" else 17
    tags = [f"manylinux_{major}_{n}_{architecture}" for n in range(minor, oldest - 1, -1)]
    legacy = ["manylinux2014", "manylinux2010", "manylinux1"] if architecture == "x86_64" else ["manylinux2014"]
    return tags + [f"{name}_{architecture}" for name in legacy]


def pip_command(destination: Path, lock: Path, python_version: str, tags: list[str]) -> list[str]:
    """Return the pip command line that downloads every wheel of the settled lock."""
    short = ".".join(python_version.split(".")[:2])
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={short}"]
    command += [f"--abi={abi}" for abi in (f"cp{short.replace('.', '')}", "abi3", "none")]
    return command + [f"--platform={tag}" for tag in tags] + [f"--dest={destination}", f"--requirement={lock}"]


def describe(folder: Path) -> dict[str, dict[str, object]]:
    """Return size and sha256 of each wheel in the folder."""
    wheels = {}
    for path in sorted(folder.glob("*.whl")):
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        wheels[path.name] = {"size": path.stat().st_size, "sha256": digest}
    return wheels


def read_manifest(folder: Path) -> dict[str, dict[str, object]] | None:
    """Return the manifest of a complete wheelhouse, or None when anything is missing or cut short."""
    try:
        wheels = json.loads((folder / MANIFEST).read_text())
        whole = all((folder / name).stat().st_size == entry["size"] for name, entry in wheels.items())
    except (OSError, ValueError):
        return None
    return wheels if whole else None


def fetch(folder: Path, lines: list[str], python_version: str, tags: list[str]) -> dict[str, dict[str, object]]:
    """Download beside the folder and move it into place whole, so that a killed download leaves nothing in the way."""
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".fetching-"))
    try:
        lock = scratch / "requirements.txt"
        lock.write_text("\n".join(lines) + "\n")
        result = subprocess.run(
            pip_command(scratch, lock, python_version, tags), capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or ["no message"]
            raise WheelhouseError(
                f"pip could not fetch the wheels for Python {python_version} ({errors[0]}); "
                "check the builder's package index settings with 'pip config list'."
            )
        wheels = describe(scratch)
        (scratch / MANIFEST).write_text(json.dumps(wheels, indent=1, sort_keys=True) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        scratch.chmod(0o755)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return wheels


def run(params: dict[str, str], check_mode: bool) -> dict[str, object]:
    """Find or fetch the wheelhouse; return the module's result."""
    source = Path(params["requirements"])
    if not source.is_file():
        raise WheelhouseError(f"Lock file {source} does not exist; run scripts/lock.sh.")
    python_version, architecture = params["python_version"], params["architecture"]
    lines = settle_markers(source.read_text(), python_version, architecture)
    short = ".".join(python_version.split(".")[:2])
    asked = json.dumps([lines, short, architecture, params["glibc"]])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]
    root = Path(params["directory"])
    folder = root / f"{source.stem}-py{short}-{key}"

    wheels = read_manifest(folder)
    changed = wheels is None
    if wheels is None and not check_mode:
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            wheels = read_manifest(folder)  # another host of this kind may have asked first
            changed = wheels is None
            if wheels is None:
                wheels = fetch(folder, lines, python_version, platform_tags(architecture, params["glibc"]))
    return {
        "changed": changed,
        "path": str(folder),
        "present": wheels is not None,
        "wheels": len(wheels or {}),
        "size": sum(int(str(entry["size"])) for entry in (wheels or {}).values()),
    }


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "requirements": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "python_version": {"type": "str", "required": True},
            "architecture": {"type": "str", "default": "x86_64"},
            "glibc": {"type": "str", "default": "2.36"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except ImportError as error:
        module.fail_json(msg=f"The builder's Python {sys.executable} lacks {error.name}; run 'make deps' there.")
    except (WheelhouseError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
