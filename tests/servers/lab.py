"""A lab with one real sandbox host, Debian 13, for a file's tests: playbooks and commands on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
Play = Callable[..., subprocess.CompletedProcess[str]]
On = Callable[[str], str]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of the lab; its host is cift-1."""
    environment = {**os.environ, "CIFT_SANDBOX_DIR": str(tmp_path_factory.mktemp("lab")), "ANSIBLE_NOCOLOR": "1"}
    subprocess.run([BIN / "cift", "sandbox", "up", "--release", "13"], env=environment, check=True, capture_output=True)
    try:
        yield environment
    finally:
        subprocess.run([BIN / "cift", "sandbox", "down"], env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def play(lab: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Run a playbook of a checkout with words of the command and variables."""
    variables = tmp_path_factory.mktemp("variables") / "extra.json"

    def run(playbook: str | Path, *words: str, checkout: Path = ROOT, **extra: Any) -> subprocess.CompletedProcess[str]:
        variables.write_text(json.dumps(extra))
        command = [BIN / "ansible-playbook", "-i", "inventories/sandbox", playbook, "-e", f"@{variables}", *words]
        environment = lab | {"ANSIBLE_CONFIG": str(checkout / "ansible.cfg")}
        return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def on(lab: dict[str, str]) -> On:
    """Run a command on the host as root, and return what it printed."""

    def run(command: str) -> str:
        ssh = ["ssh", "-F", f"{lab['CIFT_SANDBOX_DIR']}/ssh_config", "cift-1", command]
        return subprocess.run(ssh, check=True, capture_output=True, text=True).stdout.strip()

    return run
