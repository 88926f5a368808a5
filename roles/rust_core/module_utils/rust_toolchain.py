"""Find a Rust compiler that is new enough on the builder, or get one: Debian's first, then rustup's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

# Debian keeps two: `cargo`, and on Debian 12 `cargo-web`, the newer one that its browsers are built with.
PACKAGES = {"cargo": "rustc", "cargo-web": "rustc-web"}
Version = tuple[int, ...]


class ToolchainError(Exception):
    """What is wrong and what to do, in one sentence."""


@dataclass(frozen=True)
class Toolchain:
    """A folder with `cargo` and `rustc`, what `rustc -vV` says of it, and the version as numbers."""

    folder: Path
    description: str
    version: Version

    @property
    def host(self) -> str:
        """Return the triple of the machine that the compiler runs on."""
        found = re.search(r"^host: (\S+)$", self.description, re.MULTILINE)
        return found.group(1) if found else ""


def numbers(text: str) -> Version:
    """Return the first dotted number in a text: `1:1.85.0+dfsg3` gives (1, 85, 0)."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups(default="0")) if found else (0,)


def dotted(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))


def needed_version(source: Path) -> Version:
    """Return `rust-version` of the workspace's Cargo.toml."""
    cargo = tomllib.loads((source / "Cargo.toml").read_text())
    workspace = cargo.get("workspace", {}).get("package", {})
    return numbers(str(cargo.get("package", workspace).get("rust-version", "1.0.0")))


def candidate_folders() -> list[Path]:
    """Return where cargo may be: on the path, in cargo's own home, where Debian puts it."""
    on_path = shutil.which("cargo")
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    folders = ([Path(on_path).parent] if on_path else []) + [home / "bin", Path("/usr/bin")]
    return list(dict.fromkeys(folders))


def find(needed: Version) -> tuple[Toolchain | None, str]:
    """Return the first toolchain that is new enough, and in words what was found otherwise."""
    seen = []
    for folder in candidate_folders():
        if not (folder / "cargo").exists() or not (folder / "rustc").exists():
            continue
        result = subprocess.run([str(folder / "rustc"), "-vV"], capture_output=True, text=True, check=False)
        version = numbers(result.stdout)
        if result.returncode == 0 and version >= needed:
            return Toolchain(folder, result.stdout, version), ""
        seen.append(f"{dotted(version)} in {folder}" if result.returncode == 0 else f"a broken one in {folder}")
    return None, ", ".join(seen) or "none"


def debian_package(needed: Version) -> str | None:
    """Return the Debian package whose cargo is new enough, or None."""
    if shutil.which("apt-cache") is None:
        return None
    for package, compiler in PACKAGES.items():
        # cargo's own version follows rustc's, but Debian has numbered it differently: the compiler's counts.
        policy = subprocess.run(["apt-cache", "policy", compiler], capture_output=True, text=True, check=False)
        candidate = re.search(r"Candidate: (\S+)", policy.stdout)
        if candidate and numbers(candidate.group(1)) >= needed:
            return package
    return None


def attempt(*command: str) -> str:
    """Run a command; return an empty string, or the last line of what went wrong."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    lines = (result.stderr or result.stdout).strip().splitlines()
    return "" if result.returncode == 0 else f"{' '.join(command[:2])}: {lines[-1] if lines else 'failed'}"


def get(needed: Version) -> Toolchain:
    """Return a toolchain that is new enough, installing one where that is possible."""
    toolchain, found = find(needed)
    if toolchain:
        return toolchain
    tried = []
    package = debian_package(needed)
    if package and os.geteuid() == 0:
        tried.append(attempt("apt-get", "install", "-y", "--no-install-recommends", package, PACKAGES[package]))
        toolchain, found = find(needed)
    if toolchain is None and shutil.which("rustup"):
        tried.append(attempt("rustup", "toolchain", "install", "stable", "--profile", "minimal"))
        toolchain, found = find(needed)
    if toolchain is None:
        fix = f"install the Debian package '{package}'" if package else "install a newer one with rustup"
        failed = "".join(f" ({problem})" for problem in tried if problem)
        raise ToolchainError(
            f"The builder needs Rust {dotted(needed)} or newer and has {found}{failed}; {fix}, then run the play again."
        )
    return toolchain
