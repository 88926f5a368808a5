"""A folder that stands in for a machine: kernel files, drop-in folders, and the answers of its programs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import ansible.module_utils

ROLES = Path(__file__).parents[2] / "roles"
ansible.module_utils.__path__.extend(str(ROLES / role / "module_utils") for role in ("setting", "proof"))

from ansible.module_utils.setting_machine import Machine  # noqa: E402


class FakeMachine(Machine):
    """Programs answer from `answers`, the longest matching beginning of the command first, and are noted in `ran`."""

    def __init__(self, root: Path, answers: dict[str, str] | None = None, release: str = "6.12.48-amd64") -> None:
        super().__init__(str(root))
        self.answers, self.release, self.ran, self.read_only = answers or {}, release, [], set[str]()

    def have(self, name: str, text: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text)

    def put(self, name: str, text: str) -> None:
        """Have a file, or none for an empty text: what the module's own writer does."""
        if text:
            self.have(name, text)
        else:
            self.path(name).unlink(missing_ok=True)

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        command = " ".join(argv)
        self.ran.append(command)
        known = [start for start in sorted(self.answers, key=len, reverse=True) if command.startswith(start)]
        return subprocess.CompletedProcess(argv, 0, self.answers[known[0]] if known else "", "")

    def program(self, name: str) -> str | None:
        return f"/usr/sbin/{name}" if name in self.answers else None

    def kernel_release(self) -> str:
        return self.release
