"""Render a role's templates, or run its refusals, by Ansible itself, without the host that the role is for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.unit.role_code import ROLES

Variables = dict[str, Any]


def render(role: str, sets: dict[str, Variables], templates: list[str], folder: Path) -> None:
    """Write `<folder>/<set>/<template>` for each set of variables; the role's defaults lie below them."""
    tasks: list[Variables] = []
    for name, variables in sets.items():
        (folder / name).mkdir(parents=True)
        for template in templates:
            source, target = ROLES / role / f"templates/{template}.j2", folder / name / template
            tasks.append(
                {"ansible.builtin.template": {"src": str(source), "dest": str(target), "mode": "0600"}}
                | {"vars": variables}
            )
    play(role, tasks, folder)


def evaluate(role: str, expression: str, variables: Variables, folder: Path) -> Any:
    """Return what an expression is with a role's variables, such as its checks."""
    target = folder / "expression.json"
    content = {"content": f"{{{{ {expression} | to_json }}}}", "dest": str(target), "mode": "0600"}
    play(role, [{"ansible.builtin.copy": content, "vars": variables}], folder)
    return json.loads(target.read_text())


def refusals(role: str, tasks: str, sets: dict[str, Variables], folder: Path) -> dict[str, str]:
    """Run a role's file of refusals for each set; returns the sentence that each was refused with, or nothing."""
    blocks: list[Variables] = []
    for name, variables in sets.items():
        said = {"content": "{{ ansible_failed_result.msg }}", "dest": str(folder / f"{name}.txt"), "mode": "0600"}
        included = {"ansible.builtin.include_tasks": str(ROLES / role / f"tasks/{tasks}.yml")}
        blocks.append({"vars": variables, "block": [included], "rescue": [{"ansible.builtin.copy": said}]})
    play(role, blocks, folder)
    files = {name: folder / f"{name}.txt" for name in sets}
    return {name: " ".join(file.read_text().split()) if file.exists() else "" for name, file in files.items()}


def play(role: str, tasks: list[Variables], folder: Path) -> None:
    """Run tasks on this machine with a role's defaults and private variables."""
    files = [str(ROLES / role / part) for part in ("defaults/main.yml", "vars/main.yml")]
    target = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars_files": files}
    book = folder / "play.yml"
    book.write_text(yaml.safe_dump([target | {"tasks": tasks}]))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(book)]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    own = {"ANSIBLE_CONFIG": str(ROLES.parent / "ansible.cfg"), "ANSIBLE_HOME": str(folder)}
    own |= {"ANSIBLE_FILTER_PLUGINS": str(ROLES / role / "filter_plugins"), "ANSIBLE_LOCALHOST_WARNING": "false"}
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
