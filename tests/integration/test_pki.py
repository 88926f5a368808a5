"""The role `pki` on this machine, its folders in temporary ones: an authority, certificates, renewal, refusals."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAYBOOK = """
- hosts: host-1
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: pki, tasks_from: certificate}
      vars: {pki_name: nats, pki_group: root, pki_notify: [Reload]}
  handlers:
    - name: Reload
      ansible.builtin.debug: {msg: RELOADED}
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the role with these variables; returns how it ended."""
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAYBOOK)

    def play(**more: object) -> subprocess.CompletedProcess[str]:
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "pki_dir": str(tmp_path / "cift/tls"),
            "pki_authority_dir": str(tmp_path / "authority"),
            "pki_authority_passphrase": "a passphrase of this test alone",
            # community.crypto finds cryptography in this virtual environment.
            "__pki_packages": [],
            "cift_private_address": "198.51.100.7",
        } | more
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "host-1,", playbook]
        return subprocess.run(
            [*command, "-e", json.dumps(variables)],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                 "ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_NOCOLOR": "1", "HOME": str(tmp_path)},
        )  # fmt: skip

    return play


def certificate(path: Path) -> dict[str, object]:
    return ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined,no-any-return]


def test_made_once_and_renewed_before_its_end(run: Run, tmp_path: Path) -> None:
    done = run()
    assert done.returncode == 0, done.stdout
    assert "RELOADED" in done.stdout
    tls = tmp_path / "cift/tls"
    assert (tls / "nats.key").stat().st_mode & 0o777 == 0o640
    assert "ENCRYPTED" in (tmp_path / "authority/ca.key").read_text()
    assert "a passphrase of this test" not in done.stdout + done.stderr
    first = certificate(tls / "nats.crt")
    names = {value for _, value in first["subjectAltName"]}  # type: ignore[attr-defined]
    assert names == {"host-1", "localhost", "127.0.0.1", "198.51.100.7"}
    subprocess.run(["openssl", "verify", "-CAfile", tls / "ca.crt", tls / "nats.crt"], check=True, capture_output=True)

    again = run()
    assert "changed=0" in again.stdout, again.stdout

    # Its end is near: a new one, of the same key, and the service is told.
    key = (tls / "nats.key").read_text()
    renewed = run(pki_renew_days=400)
    assert renewed.returncode == 0, renewed.stdout
    assert "RELOADED" in renewed.stdout
    assert certificate(tls / "nats.crt")["serialNumber"] != first["serialNumber"]
    assert (tls / "nats.key").read_text() == key

    # Another name, and one that is damaged.
    assert "RELOADED" in run(pki_names=["feed.example"]).stdout
    (tls / "nats.crt").write_text("damaged")
    assert run().returncode == 0
    assert certificate(tls / "nats.crt")["serialNumber"]


def test_an_authority_without_a_passphrase_is_refused(run: Run, tmp_path: Path) -> None:
    done = run(pki_authority_passphrase="")
    assert done.returncode != 0
    assert "has 0 characters, expected 20 or more" in " ".join(done.stdout.split())
    assert not (tmp_path / "authority").exists()


@pytest.mark.parametrize(("name", "good"), [("host-1", True), ("host-2", False)])
def test_the_sites_own_certificate(run: Run, tmp_path: Path, name: str, good: bool) -> None:
    site, key = tmp_path / "site.crt", tmp_path / "site.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "90", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-keyout", key, "-out", site], check=True, capture_output=True)
    done = run(
        pki_site_authority=str(site), pki_site_certificates={"nats": {"certificate": str(site), "key": str(key)}}
    )
    assert (done.returncode == 0) is good, done.stdout
    if good:
        assert (tmp_path / "cift/tls/nats.crt").read_text() == site.read_text()
    else:
        assert "found a certificate for DNS:host-2" in " ".join(done.stdout.split())
        assert not (tmp_path / "cift/tls/nats.crt").exists()
