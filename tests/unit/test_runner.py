"""Playbooks through the runner, with real ansible on the local machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from cift.ops.runner.display import Display, print_failure
from cift.ops.runner.play import Outcome, run_playbook
from cift.ops.runner.project import ProjectError, find_inventory, find_root

PLAYBOOK = """
- name: Try
  hosts: all
  gather_facts: false
  roles: [first, second]
"""
FIRST = """
- name: Write
  ansible.builtin.copy: {content: x, dest: "{{ scratch }}", mode: "0644"}
"""
SECOND = """
- name: Wait
  ansible.builtin.command: sleep {{ seconds | default(0) }}
  changed_when: false
- name: Check the port
  ansible.builtin.assert: {that: "free | default(true)", fail_msg: "port 4222 is taken by sshd; stop it"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "ansible.cfg": "[defaults]\nroles_path = roles\n",
        "playbooks/try.yml": PLAYBOOK,
        "roles/first/tasks/main.yml": FIRST,
        "roles/second/tasks/main.yml": SECOND,
        "inventories/here/hosts": f"here ansible_connection=local ansible_python_interpreter={sys.executable}\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def run(root: Path, playbook: str = "playbooks/try.yml", **variables: object) -> tuple[Outcome, str]:
    console = Console(file=StringIO(), width=120)
    with Display(console) as display:
        outcome = run_playbook(
            root,
            playbook,
            [root / "inventories/here"],
            root / "reports/deploy.log",
            on_event=display.update,
            extra_vars={"scratch": str(root / "scratch"), **variables},
        )
    if not outcome.ok:
        print_failure(console, outcome)
    assert isinstance(console.file, StringIO)
    return outcome, console.file.getvalue()


def test_a_run_leaves_a_record_a_log_and_one_line_per_role(root: Path) -> None:
    outcome, printed = run(root)
    assert outcome.ok
    assert [(span.role, span.changed) for span in outcome.record.spans] == [("first", 1), ("second", 0)]
    assert outcome.record.hosts["here"].changed == 1
    assert len(printed.splitlines()) == 2
    assert "PLAY RECAP" in Path(outcome.log).read_text()
    again, _ = run(root)
    assert again.record.changed == 0


def test_a_failure_names_host_role_task_and_message(root: Path) -> None:
    outcome, printed = run(root, free=False)
    assert outcome.status == "failed"
    assert "here › second › Check the port" in printed
    assert "port 4222 is taken by sshd; stop it" in printed
    assert outcome.log in printed


def test_a_playbook_that_cannot_start_says_why(root: Path) -> None:
    outcome, printed = run(root, "playbooks/none.yml")
    assert outcome.status == "failed"
    assert "playbooks/none.yml could not be found" in printed


def children(pid: int) -> list[int]:
    """Return every process below one."""
    direct = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return direct + [below for child in direct for below in children(child)]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ctrl_c_stops_ansible_and_its_tasks(root: Path) -> None:
    program = f"""
import sys
from pathlib import Path
import polars  # as in the command: it changes how a waiting process hears of a signal
from cift.ops.runner.play import run_playbook
root = Path({str(root)!r})
outcome = run_playbook(root, "playbooks/try.yml", [root / "inventories/here"], root / "log",
    on_event=lambda record: print(record.task, record.pid, flush=True),
    extra_vars={{"scratch": str(root / "scratch"), "seconds": 61}})
print("ended", outcome.status)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ansible = 0
    for line in process.stdout:
        if line.startswith("Wait"):
            ansible = int(line.split()[1])
            break
    time.sleep(1)
    workers = children(ansible)
    assert workers
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(60) == 0
    assert "ended canceled" in rest
    for pid in (ansible, *workers):
        assert not running(pid)


def test_the_checkout_is_found_from_within_and_an_unknown_inventory_is_told(root: Path) -> None:
    inside = root / "roles" / "first"
    assert find_root(inside) == root
    assert find_inventory(root, "here") == root / "inventories" / "here"
    with pytest.raises(ProjectError, match="inventory 'moon' not found; choose one of here"):
        find_inventory(root, "moon")
