"""What `cift up` finds out before and between its steps."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cift.ops.cli import app
from cift.ops.replay.target import ReplayError
from cift.ops.report.reading import read_report
from cift.ops.runner.inventory import Inventory, read_inventory
from cift.ops.runner.project import ProjectError
from cift.ops.up.access import api_access
from cift.ops.up.alone import alone
from cift.ops.up.session import Session

HOSTS = f"""
all:
  vars:
    cift_secret_api_key: "{{{{ 'abc' ~ 'def' }}}}"
    ansible_connection: local
    ansible_python_interpreter: {sys.executable}
  children:
    edge:
      children:
        trading:
          hosts:
            one: {{ansible_host: 192.0.2.7, cift_api_port: 9443}}
            two: {{}}
    analytics:
      hosts:
        three: {{cift_sandbox_dir: /var/lib/cift-sandbox}}
"""
PLAYBOOK = """
- name: Try
  hosts: one
  gather_facts: false
  tasks:
    - name: Judge
      ansible.builtin.assert:
        that: "benchmark_quick is defined and cift_report_dir is directory"
        fail_msg: "  no report folder "
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "ansible.cfg": "[defaults]\n",
        "playbooks/benchmark.yml": PLAYBOOK,
        "inventories/cage/hosts.yml": HOSTS,
        ".state/tls/cage/one.crt": "certificate",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


@pytest.fixture
def inventory(root: Path) -> Inventory:
    return read_inventory(root, root / "inventories" / "cage")


def test_an_inventory_is_read_with_its_groups_of_groups(inventory: Inventory) -> None:
    assert inventory.name == "cage"
    assert inventory.hosts("edge") == ["one", "two"]
    assert inventory.hosts("monitoring") == []
    assert inventory.sandbox_hosts == ["three"]


def test_an_inventory_without_hosts_is_refused(root: Path) -> None:
    (root / "inventories/cage/hosts.yml").write_text("all: {}\n")
    with pytest.raises(ProjectError, match="no hosts"):
        read_inventory(root, root / "inventories" / "cage")


def test_the_api_is_reached_directly_with_its_certificate_and_key(
    root: Path, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.delenv("no_proxy", raising=False)
    access = api_access(root, inventory, "one")
    assert access.url == "https://192.0.2.7:9443"
    assert access.key == "abcdef"
    assert Path(access.ca) == root / ".state/tls/cage/one.crt"
    assert os.environ["NO_PROXY"] == "localhost,192.0.2.7"


def test_a_host_that_was_never_provisioned_from_here_is_told(root: Path, inventory: Inventory) -> None:
    with pytest.raises(ProjectError, match=r"two\.crt: no certificate of the API of two; run site\.yml"):
        api_access(root, inventory, "two")


def session(root: Path, inventory: Inventory) -> Session:
    return Session(root, inventory, "cift up", Console(file=StringIO(), width=120))


def test_a_failed_step_is_in_the_report_and_in_the_exit_status(root: Path, inventory: Inventory) -> None:
    run = session(root, inventory)

    def refused() -> None:
        raise ReplayError("the book is not empty")

    assert run.step("first", "First", lambda: None)
    assert not run.step("replay", "Replay", refused)
    assert run.finish() == 1
    latest = root / "reports" / "cage" / "latest"
    assert latest.resolve() == run.folder
    assert read_report(latest, "cage").problems == ["replay: the book is not empty"]
    assert (latest / "report.html").is_file()


def test_after_ctrl_c_nothing_more_is_begun_but_the_report_is_written(root: Path, inventory: Inventory) -> None:
    run = session(root, inventory)

    def interrupted() -> None:
        raise KeyboardInterrupt

    assert not run.step("site", "Provision", interrupted)
    assert not run.step("verify", "Verify", lambda: pytest.fail("begun"))
    assert run.finish() == 130
    assert read_report(run.folder, "cage").problems == ["site: stopped by Ctrl-C"]


def test_playbooks_learn_the_report_folder_and_their_failure_becomes_the_steps(
    root: Path, inventory: Inventory
) -> None:
    run = session(root, inventory)
    assert run.step("benchmark", "Benchmark", lambda: run.benchmark(quick=True))
    (root / "playbooks/benchmark.yml").write_text(PLAYBOOK.replace("benchmark_quick", "something_else"))
    assert not run.step("benchmark", "Benchmark", lambda: run.benchmark(quick=True))
    assert run.finish() == 1
    assert read_report(run.folder, "cage").problems == ["benchmark: one, Judge: no report folder"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["up", "--inventory", "moon"], "inventory 'moon' not found; choose one of cage"),
        (["up", "--replay", "nowhere.csv"], "nowhere.csv: no such file"),
        (["verify", "-i", "moon"], "inventory 'moon' not found"),
        (["report", "-i", "cage", "--run", "never"], "no deploy, replay, verify, benchmark or soak file here"),
    ],
)
def test_bad_input_ends_with_status_2_and_one_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(root)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert result.output.count("\n") == 1


def test_outside_a_checkout_the_installed_one_serves(tmp_path: Path) -> None:
    code = "from cift.ops.runner.project import find_root; print(find_root())"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()) == Path(__file__).parents[2]


def test_two_at_once_on_one_inventory_are_kept_apart(tmp_path: Path) -> None:
    inventory = Inventory(name="here", path=tmp_path / "inventories/here", groups={}, hostvars={})
    another = pytest.raises(ProjectError, match="another cift up is at work on inventory here")
    with alone(tmp_path, inventory), another, alone(tmp_path, inventory):
        pass
    words = ["/venv/bin/ansible-playbook", str(inventory.path), "@/tmp/cift-runner-1/env/extravars", "site.yml"]
    sleeper = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)", *words]
    with subprocess.Popen(sleeper, stdout=subprocess.PIPE) as left:
        assert left.stdout is not None
        left.stdout.readline()
        try:
            with pytest.raises(ProjectError, match=f"process {left.pid}"), alone(tmp_path, inventory):
                pass
        finally:
            left.kill()
    with alone(tmp_path, inventory):
        pass


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--release", "9"], "--release"), (["--compare", __file__], "--compare")]
)
def test_what_cannot_be_is_refused_before_anything_is_begun(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["up", *arguments])
    assert (result.exit_code, result.output.startswith(f"cift up: {said}")) == (2, True), result.output
