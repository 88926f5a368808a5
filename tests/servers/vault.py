"""The encrypted file of an inventory's secrets, as an operator reads it: by ansible-vault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


def kept(file: Path, password_file: Path) -> dict[str, Any]:
    """Return what `ansible-vault view` shows: `inventory`, `secrets` and `previous`."""
    program = Path(sys.executable).with_name("ansible-vault")
    command = [program, "view", "--vault-password-file", password_file, file]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = yaml.safe_load(shown)
    return found
