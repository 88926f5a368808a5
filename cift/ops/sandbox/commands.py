"""Run the system's own tools (`ip`, `mount`, ...) and turn their failures into sentences."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cift.ops.sandbox.errors import SandboxError


def run(
    argv: Sequence[str | Path], *, check: bool = True, timeout: float = 60, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it said.

    Raises:
        SandboxError: the command failed (and `check` is set) or took longer than `timeout` seconds.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, check=False, capture_output=True, text=True, timeout=timeout, env=env, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"'{' '.join(words)}' did not end within {timeout:.0f} s") from error
    except FileNotFoundError as error:
        raise SandboxError(f"'{words[0]}' is not installed") from error
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise SandboxError(f"'{' '.join(words)}' failed ({done.returncode}): {said[-1] if said else 'no message'}")
    return done
