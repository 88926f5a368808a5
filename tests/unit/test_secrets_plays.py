"""Plays and the `cift` command with an inventory's secrets: generated, the site's own, rotated; never in plain text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

from cift.ops.runner.project import ProjectError
from cift.ops.runner.variable import host_variable
from tests.servers.vault import kept
from tests.unit.role_code import load

plugin = load("rotate/lookup_plugins/secret.py")
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SHARED = yaml.safe_load((ROOT / "inventories/shared/secrets.yml").read_text())
SECRETS = sorted(name for name in SHARED if name.startswith("cift_secret_"))
# As a role does it: into a file that its service alone reads, here the test.
SHOW = """---
- name: Use every secret
  hosts: all
  connection: local
  gather_facts: false
  tasks:
    - name: Write them
      ansible.builtin.copy:
        content: "{{ dict(names | zip(query('ansible.builtin.vars', *names))) | to_json }}"
        dest: "{{ seen }}/{{ inventory_hostname }}"
        mode: "0600"
      no_log: true
"""
ROTATE = """---
- name: Rotate as site.yml does
  hosts: all
  connection: local
  gather_facts: false
  tasks:
    - name: Call the role
      ansible.builtin.include_role:
        name: rotate
        tasks_from: "{{{{ item }}}}"
      run_once: true
      loop: {steps}
"""
END = """---
- name: End a rotation, but for the servers
  hosts: all
  gather_facts: false
  tasks:
    - name: Forget what was put aside
      secret_rotation:
        state: ended
      run_once: true
"""


class Checkout:
    """A copy of the inventories, whose secrets lie beside it; what its plays wrote is in `seen`."""

    def __init__(self, folder: Path, inventory: str) -> None:
        shutil.copytree(ROOT / "inventories", folder / "inventories", symlinks=True)
        (folder / "seen").mkdir()
        self.folder, self.inventory = folder, folder / "inventories" / inventory
        self.file, self.password = folder / f".state/secrets/{inventory}/vault.yml", folder / ".state/vault-password"
        self.said = ""

    def play(self, text: str, *words: str, status: int = 0, **environment: str) -> str:
        (self.folder / "play.yml").write_text(text)
        extra = {"names": SECRETS, "seen": str(self.folder / "seen"), "ansible_python_interpreter": sys.executable}
        (self.folder / "extra.yml").write_text(yaml.safe_dump(extra))
        command = [BIN / "ansible-playbook", "-i", self.inventory, self.folder / "play.yml", "-vvv", "--diff"]
        command += ["-e", f"@{self.folder}/extra.yml", *words]
        known = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOG_PATH": str(self.folder / "log")}
        done = subprocess.run(
            command, env=os.environ | known | environment, capture_output=True, text=True, check=False
        )
        self.said += done.stdout + done.stderr
        assert done.returncode == status, done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())

    def seen(self) -> dict[str, str]:
        """What the hosts had, which is the same on all."""
        found = [yaml.safe_load(file.read_text()) for file in (self.folder / "seen").iterdir()]
        assert found
        assert found == [found[0]] * len(found)
        shutil.rmtree(self.folder / "seen")
        (self.folder / "seen").mkdir()
        return dict(found[0])

    def kept(self, password: Path | None = None) -> dict[str, Any]:
        return kept(self.file, password or self.password)

    def leaks(self, secrets: dict[str, str]) -> list[str]:
        """Where a secret stands in plain text: in a file of the checkout, or in what plays said."""
        texts = {str(path): path.read_text() for path in self.folder.rglob("*") if path.is_file()}
        texts["output"] = self.said
        return [f"{name} in {place}" for place, text in texts.items() for name, word in secrets.items() if word in text]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path, "sandbox")


@pytest.fixture
def provisioned(checkout: Checkout) -> Checkout:
    """With every secret made, as after site.yml."""
    store = plugin.Store(checkout.file.parent, checkout.password, DataLoader())
    for name in SECRETS:
        kind = re.search(r"kind='(\w+)'", SHARED[name])
        store.secret(name, kind[1] if kind else "password")
    return checkout


def test_hosts_have_the_same_and_the_second_run_changes_nothing(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "sandbox-cluster")
    checkout.play(SHOW)
    secrets = checkout.seen()
    assert checkout.kept()["secrets"] == secrets
    assert len(set(secrets.values())) == len(SECRETS)
    before = checkout.file.read_bytes()
    checkout.play(SHOW)
    assert checkout.seen() == secrets
    assert checkout.file.read_bytes() == before
    assert checkout.leaks(secrets) == []
    assert sorted(path.name for path in (checkout.folder / ".state").rglob("*") if path.is_file()) == [
        "vault-password", "vault.yml",
    ]  # fmt: skip


def encrypted(checkout: Checkout, values: dict[str, str], password: Path) -> None:
    """As an operator does it: `ansible-vault encrypt` in the inventory's group_vars."""
    file = checkout.inventory / "group_vars/all/a-vault.yml"
    file.write_text(yaml.safe_dump(values))
    subprocess.run(
        [BIN / "ansible-vault", "encrypt", "--vault-password-file", password, file], check=True, capture_output=True
    )


def test_a_sites_own_secrets_are_used_and_none_is_made(checkout: Checkout) -> None:
    password = checkout.folder / "password"
    password.write_text("of the site\n")
    own = {name: f"own-{number}-of-the-site" for number, name in enumerate(SECRETS)}
    encrypted(checkout, own, password)
    checkout.play(SHOW, ANSIBLE_VAULT_PASSWORD_FILE=str(password))
    assert checkout.seen() == own
    assert not (checkout.folder / ".state").exists()
    assert checkout.leaks(own) == []

    # Some of them, and by any lookup; what is left is encrypted with the site's password.
    some = {"cift_secret_cache": own["cift_secret_cache"]}
    encrypted(checkout, some, password)
    file = checkout.inventory / "group_vars/all/main.yml"
    lookup = "\ncift_secret_api_key: \"{{ lookup('ansible.builtin.env', 'OF_THE_TEST') }}\"\n"
    file.write_text(file.read_text() + lookup)
    checkout.play(SHOW, "--vault-password-file", str(password), OF_THE_TEST="by the lookup")
    secrets = checkout.seen()
    assert {name: secrets[name] for name in ("cift_secret_cache", "cift_secret_api_key")} == some | {
        "cift_secret_api_key": "by the lookup"
    }
    assert set(checkout.kept(password)["secrets"]) == set(SECRETS) - {"cift_secret_cache", "cift_secret_api_key"}
    assert not checkout.password.exists()
    assert checkout.leaks(secrets) == []


def test_what_a_site_forgot_is_told_if_nothing_may_be_made(checkout: Checkout) -> None:
    said = checkout.play(SHOW, "-e", "cift_secrets_make=false", status=2)
    assert re.search(r"vault\.yml: found no cift_secret_\w+, expected one", said)
    assert not (checkout.folder / ".state").exists()


def test_a_wrong_vault_password_stops_site_at_its_beginning(provisioned: Checkout) -> None:
    before, secrets = provisioned.file.read_bytes(), provisioned.kept()["secrets"]
    provisioned.password.write_text("wrong\n")
    said = provisioned.play(ROTATE.format(steps=["open"]), status=2)
    assert "can't be decrypted with the vault password (default)" in said
    assert provisioned.file.read_bytes() == before
    assert provisioned.leaks(secrets) == []
    refusals = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())[0]
    assert refusals["roles"] == ["preflight"]
    assert {"name": "rotate", "tasks_from": "open"} in [
        task["ansible.builtin.include_role"] for task in refusals["tasks"]
    ]


def test_a_service_is_rotated_in_two_steps(provisioned: Checkout) -> None:
    before, old = provisioned.file.read_bytes(), provisioned.kept()["secrets"]
    nats = {f"cift_secret_nats_{user}" for user in ("sys", "admin", "api", "engine", "recorder", "feed", "benchmark")}
    begin = ROTATE.format(steps=["refuse", "main"])
    assert "changed=1" in provisioned.play(begin, "-e", "rotate=nats", "--check")
    assert provisioned.file.read_bytes() == before
    provisioned.play(begin, "-e", "rotate=nats")
    assert set(provisioned.kept()["previous"]) == nats
    provisioned.play(SHOW)
    new = provisioned.seen()
    assert {name for name in SECRETS if new[name] != old[name]} == nats
    assert host_variable(ROOT, provisioned.inventory, "cift-1", "cift_previous_nats") == {
        name.removeprefix("cift_secret_nats_"): old[name] for name in nats
    }
    said = provisioned.play(ROTATE.format(steps=["verify"]), status=2)
    assert "found cift_secret_nats_admin, cift_secret_nats_api, cift_secret_nats_benchmark" in said
    provisioned.play(END)
    assert provisioned.kept() == {"inventory": "sandbox", "secrets": new, "previous": {}}
    assert provisioned.leaks(old | new) == []


def test_a_sites_own_secrets_are_rotated_by_the_site(provisioned: Checkout) -> None:
    before = provisioned.file.read_bytes()
    file = provisioned.inventory / "group_vars/all/main.yml"
    file.write_text(file.read_text() + "\ncift_secret_cache: of-the-site-itself\n")
    said = provisioned.play(ROTATE.format(steps=["refuse", "main"]), "-e", "rotate=cache", status=2)
    assert "rotate=cache: found no cift_secret_cache in" in said
    assert "Secrets of your own vault are changed there: give the old ones as cift_previous_cache" in said
    assert provisioned.file.read_bytes() == before


def test_the_command_reads_what_plays_have(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProjectError, match=r"cift_secret_api_key of cift-1: .*found no cift_secret_api_key, expected"):
        host_variable(ROOT, checkout.inventory, "cift-1", "cift_secret_api_key")
    assert not (checkout.folder / ".state").exists()
    link = checkout.folder / "elsewhere/linked"
    link.parent.mkdir()
    link.symlink_to(checkout.inventory)
    with pytest.raises(ProjectError, match=f"{checkout.folder}/.state/secrets/linked/vault.yml: found no"):
        host_variable(ROOT, link, "cift-1", "cift_secret_api_key")
    password = checkout.folder / "password"
    password.write_text("of the site\n")
    encrypted(checkout, {"cift_secret_api_key": "of-the-site"}, password)
    with pytest.raises(ProjectError, match=r"cift_secret_api_key of cift-1: .*vault"):
        host_variable(ROOT, checkout.inventory, "cift-1", "cift_secret_api_key")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(password))
    assert host_variable(ROOT, checkout.inventory, "cift-1", "cift_secret_api_key") == "of-the-site"
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(checkout.folder / "nowhere"))
    with pytest.raises(ProjectError, match="nowhere was not found"):
        host_variable(ROOT, checkout.inventory, "cift-1", "cift_secret_api_key")
