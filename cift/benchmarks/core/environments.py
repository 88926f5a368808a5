"""Where the peers live: a virtual environment for each Python package, a Cargo build for the Rust crates."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

from cift.benchmarks.core.setting import ROOT, Setting

LOCK = ROOT / "requirements" / "bench.lock"
CONTEST = ROOT / "rust_core" / "contest"
_PATIENCE = 900


class UnavailableError(Exception):
    """A peer that can't be had here, and why, in one line."""


class Room(Protocol):
    """Where environments are kept, and who is told what takes long."""

    @property
    def folder(self) -> Path:
        """Return the folder."""

    @property
    def say(self) -> Callable[[str], None]:
        """Return what shows progress."""


def python(setting: Room, package: str, extra: str = "") -> Path:
    """Return the Python of the package's own environment, which is made from requirements/bench.lock if need be."""
    pin = f"{package}{extra}=={_locked(package)}"
    home = setting.folder / "environments" / package
    interpreter, stamp = home / "bin" / "python", home / ".installed"
    if stamp.exists() and stamp.read_text() == pin:
        return interpreter
    setting.say(f"installing {pin} into an environment of its own")
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)])
    _run([uv, "pip", "install", "--quiet", "--python", str(interpreter), "--require-hashes", "-c", str(LOCK), pin])
    stamp.write_text(pin)
    return interpreter


def contest(setting: Setting, book: str, program: str = "speed") -> Path:
    """Return a program of rust_core/contest (its src/bin), built with one book as its feature.

    A book has programs of its own: one that does not build here does not stand in the way of others.
    """
    return _built(setting, book) / program


@cache
def _built(setting: Setting, book: str) -> Path:
    target, keep = setting.folder / "cargo", setting.folder / "programs" / book
    setting.say(f"building {keep.name}")
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--bins", "--features", book]
    _run(command, cwd=CONTEST, CARGO_TARGET_DIR=str(target))
    keep.mkdir(parents=True, exist_ok=True)
    for program in ("speed", "allocations", "machine"):
        shutil.copy2(target / "release" / program, keep)
    return keep


def crate_version(crate: str) -> str:
    """Return the version of a crate that rust_core/contest locks."""
    found = re.search(rf'name = "{re.escape(crate)}"\nversion = "([^"]+)"', (CONTEST / "Cargo.lock").read_text())
    return found[1] if found else ""


def _locked(package: str) -> str:
    """Return the version in bench.lock that holds for this Python."""
    from packaging.requirements import Requirement

    for line in LOCK.read_text().splitlines():
        if line.startswith(f"{package}=="):
            requirement = Requirement(line.removesuffix("\\").strip())
            if requirement.marker is None or requirement.marker.evaluate():
                return str(requirement.specifier).removeprefix("==")
    raise UnavailableError(
        f"{package}: no version in {LOCK.name} for Python {sys.version_info.major}.{sys.version_info.minor}"
    )


def _run(command: list[str], cwd: Path | None = None, **variables: str) -> None:
    try:
        ended = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=_PATIENCE, check=False, env=os.environ | variables
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{command[0]}: {error}") from error
    if ended.returncode:
        lines = [line for line in ended.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["no message"]
        raise UnavailableError(f"{Path(command[0]).name}: {errors[0].strip()}")
