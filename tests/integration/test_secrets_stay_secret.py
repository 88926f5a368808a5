"""No secret is in a log, a diff or a list of processes: a real sandbox host is set up, then every secret is rotated."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader

from tests.servers.vault import kept
from tests.unit.role_code import load

plugin = load("rotate/lookup_plugins/secret.py")
pytestmark = [pytest.mark.host, pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
# site.yml without what holds no secret, in its order.
SITE = """---
- name: Prepare the host
  hosts: all
  gather_facts: false
  roles: [preflight, base]
  tasks:
    - name: Make a service's secrets anew
      ansible.builtin.include_role:
        name: rotate
        tasks_from: "{{ item }}"
      loop: [refuse, main]
      when: rotate is defined

- name: Run what holds secrets
  hosts: all
  gather_facts: false
  roles: [nats, chdb, valkey, postgresql, questdb, rust_core, cift]

- name: End a rotation
  hosts: all
  gather_facts: false
  tasks:
    - name: Have the servers forget the secrets before
      ansible.builtin.include_role:
        name: rotate
        tasks_from: end
      when: cift_previous | length > 0
"""
SERVERS = ("nats", "cift-chdb", "valkey-server", "postgresql@17-main", "questdb")
HEALTH = """
import ssl, urllib.request
trust = ssl.create_default_context(cafile='/etc/cift/tls/ca.crt')
print(urllib.request.urlopen('https://127.0.0.1:8000/health', context=trust).read().decode())
"""
On = Callable[[str], str]


class Processes(threading.Thread):
    """Gathers what lists of processes show while plays run, here and on the host, and so on this machine all at once:
    a sandbox host's processes are its own, too.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.1):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has ended


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a lab with one Debian 13 host, cift-1, and of plays that write a log."""
    folder = tmp_path_factory.mktemp("lab")
    environment = {**os.environ, "CIFT_SANDBOX_DIR": str(folder), "ANSIBLE_NOCOLOR": "1"}
    subprocess.run([BIN / "cift", "sandbox", "up", "--release", "13"], env=environment, check=True, capture_output=True)
    try:
        yield environment | {"ANSIBLE_LOG_PATH": str(folder / "ansible.log")}
    finally:
        subprocess.run([BIN / "cift", "sandbox", "down"], env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def on(lab: dict[str, str]) -> On:
    def run(command: str) -> str:
        ssh = ["ssh", "-F", f"{lab['CIFT_SANDBOX_DIR']}/ssh_config", "cift-1", command]
        return subprocess.run(ssh, check=True, capture_output=True, text=True, errors="replace").stdout.strip()

    return run


def forms(secret: str) -> list[str]:
    """A secret as it is, and as base64 has it wherever it begins within a longer text (`user:password`).

    All are letters and digits, which percent-encoding leaves alone.
    """
    assert re.fullmatch(r"[A-Za-z0-9]{32,}", secret)
    found = [secret]
    for before in range(3):
        text = base64.b64encode(b"x" * before + secret.encode() + b"x" * (-(before + len(secret)) % 3)).decode()
        # The first and the last four characters are partly of what stands beside it.
        found.append(text[4:-4])
    return found


def test_forms_are_found_within_longer_texts() -> None:
    secret = "".join(chr(65 + number % 26) for number in range(32))
    for user in ("a", "ab", "abc", "cift"):
        for after in ("", "\n", "@host"):
            encoded = base64.b64encode(f"{user}:{secret}{after}".encode()).decode()
            assert any(form in encoded for form in forms(secret))


def test_none_is_seen_in_a_deployment_and_in_a_rotation(lab: dict[str, str], on: On, tmp_path: Path) -> None:
    secrets, password, site = tmp_path / "secrets", tmp_path / "vault-password", tmp_path / "site.yml"
    site.write_text(SITE)
    variables = {
        "cift_secrets_dir": str(secrets),
        "cift_vault_password_file": str(password),
        "pki_authority_dir": str(tmp_path / "pki"),
        "cift_tls_fetch": str(tmp_path / "tls"),
    }
    said = ""

    def play(**extra: str) -> None:
        nonlocal said
        command = [BIN / "ansible-playbook", "-i", "inventories/sandbox", site, "-vvv", "--diff"]
        command += ["-e", json.dumps(variables | extra)]
        done = subprocess.run(command, cwd=ROOT, env=lab, capture_output=True, text=True, check=False)
        said += done.stdout + done.stderr
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]

    processes = Processes()
    processes.start()
    play()
    before = kept(secrets / "vault.yml", password)["secrets"]
    servers = on(f"systemctl show --value --property=MainPID {' '.join(SERVERS)}")
    # Five rotations in one run: four that were killed when they had begun, and one that is asked for.
    rotated = re.compile(r"cift_secret_(nats_(?!leaf|route)|cache$|api_key$|clickhouse$)")
    plugin.Store(secrets, password, DataLoader()).begin(filter(rotated.match, before))
    play(rotate="postgresql")
    processes.done.set()
    processes.join()
    shown = kept(secrets / "vault.yml", password)
    after = shown["secrets"]

    assert shown["previous"] == {}
    assert sorted(before) == sorted(after)
    same = {name for name in before if before[name] == after[name]}
    assert {name.removeprefix("cift_secret_") for name in same} == {
        "cache_operator", "nats_leaf", "nats_route", "pki", "questdb", "questdb_reader",
    }  # fmt: skip
    places = {
        "the plays' output": said,
        "Ansible's log": Path(lab["ANSIBLE_LOG_PATH"]).read_text(),
        "a list of processes": "\n".join(processes.seen),
        "the host's journal": on("journalctl --output=export --all --no-pager"),
        "the host's logs": on("find /var/log -type f -not -path '*/journal/*' -exec cat {} +"),
    }
    alone = (password, tmp_path / "pki/ca.key")
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path not in alone]
    places["a file of the controller"] = "\n".join(path.read_text() for path in files)
    keys = [on("cat /etc/cift/tls/*.key"), (tmp_path / "pki/ca.key").read_text()]
    key_lines = [line for key in keys for line in key.splitlines() if len(line) == 64]
    # With what stands before it there.
    leaks = {
        f"{name} in {place}: {text.partition(form)[0][-60:]}"
        for secrets_of in (before, after, {"the vault password": password.read_text().strip()})
        for name, secret in secrets_of.items()
        for form in forms(secret)
        for place, text in places.items()
        if form in text
    }
    assert key_lines
    leaks |= {f"a line of a key in {place}" for place, text in places.items() for key in key_lines if key in text}
    assert sorted(leaks) == []
    # Each place is really looked at.
    for place, words in {
        "a file of the controller": "$ANSIBLE_VAULT;1.1;AES256",
        "the plays' output": "Say who may sign in",
        "Ansible's log": "Say who may sign in",
        "a list of processes": "/usr/lib/postgresql/17/bin/postgres",
        "the host's journal": "Invoked with",
        "the host's logs": "database system is ready to accept connections",
    }.items():
        assert words in places[place], place

    # Without a stop: the servers are the same processes, and the services are well with the new ones.
    assert on(f"systemctl show --value --property=MainPID {' '.join(SERVERS)}") == servers
    assert "0" not in servers.split()
    assert json.loads(on(f'python3 -c "{HEALTH}"'))["status"] == "up"
