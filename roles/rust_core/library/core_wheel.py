#!/usr/bin/python
"""Build the Rust core's wheel for a kind of CPU, once for the same source, flags and compiler."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.rust_toolchain import Toolchain, ToolchainError, get, needed_version

DOCUMENTATION = r"""
module: core_wheel
short_description: Build the Rust core for a target CPU
description:
  - Runs on the builder, with maturin and cargo. Wheels are kept under a hash of source, flags and compiler.
    Hosts of one kind may ask at the same time, the wheel is built once.
options:
  source: {description: "The folder rust_core of a checkout", type: path, required: true}
  cache: {description: Folder that holds the wheels, type: path, required: true}
  target_cpu: {description: "Name as rustc -Ctarget-cpu takes it", type: str, required: true}
  rustflags: {description: Further flags for rustc, type: str, default: ""}
"""

RETURN = r"""
wheel: {description: "Path of the wheel, empty in check mode when it is not built yet", returned: always, type: str}
compiler: {description: The compiler's version, returned: always, type: str}
"""

SKIPPED_FOLDERS = {"target", "__pycache__", ".pytest_cache"}
SKIPPED_SUFFIXES = {".so", ".pyc"}


class BuildError(Exception):
    """What is wrong and what to do, in one sentence."""


def source_hash(source: Path) -> str:
    """Return a hash over names and contents of every source file."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for path in (Path(folder, name) for name in sorted(files)):
            if path.suffix not in SKIPPED_SUFFIXES:
                digest.update(f"\0{path.relative_to(source)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def flags_for(target_cpu: str, rustflags: str) -> str:
    """Return RUSTFLAGS for one kind of CPU."""
    return f"-Ctarget-cpu={target_cpu} {rustflags}".strip()


def wheel_folder(cache: Path, hashed: str, flags: str, target_cpu: str, toolchain: Toolchain) -> Path:
    """Return the folder of the wheel that these inputs make."""
    key = hashlib.sha256("\0".join([hashed, flags, toolchain.description]).encode()).hexdigest()[:16]
    return cache / f"{target_cpu}-{key}"


def build(source: Path, cache: Path, folder: Path, target_cpu: str, flags: str, toolchain: Toolchain) -> None:
    """Build one wheel beside its folder and move it into place whole.

    `--target` is always given: without it RUSTFLAGS would reach build scripts too, and those run on the builder,
    whose CPU may lack what the host has.
    """
    environment = os.environ | {
        "RUSTFLAGS": flags,
        "CARGO_TARGET_DIR": str(cache / f"target-{target_cpu}"),
        "PATH": f"{toolchain.folder}:{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
    }
    scratch = Path(tempfile.mkdtemp(dir=cache, prefix=".building-"))
    command = [sys.executable, "-m", "maturin", "build", "--release", "--locked", "--quiet"]
    command += ["--target", toolchain.host, "--out", str(scratch)]
    try:
        result = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0 or len(list(scratch.glob("*.whl"))) != 1:
            lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
            lines = [line for line in lines if line.lower().startswith("error")] or lines or ["no message"]
            raise BuildError(
                f"The Rust core could not be built for {target_cpu} ({lines[0]}); "
                f"try RUSTFLAGS='{flags}' maturin build --release in {source}."
            )
        scratch.chmod(0o755)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Find or build the wheel; return the module's result."""
    source, cache = Path(params["source"]), Path(params["cache"])
    toolchain = get(needed_version(source))
    target_cpu = params["target_cpu"]
    flags = flags_for(target_cpu, params["rustflags"])
    folder = wheel_folder(cache, source_hash(source), flags, target_cpu, toolchain)
    changed = not folder.is_dir()
    if changed and not check_mode:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            changed = not folder.is_dir()  # another host of this kind may have asked first
            if changed:
                build(source, cache, folder, target_cpu, flags, toolchain)
    wheel = str(next(folder.glob("*.whl"), ""))
    return {"changed": changed, "wheel": wheel, "compiler": toolchain.description.splitlines()[0]}


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path", "required": True},
            "cache": {"type": "path", "required": True},
            "target_cpu": {"type": "str", "required": True},
            "rustflags": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except (BuildError, ToolchainError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
