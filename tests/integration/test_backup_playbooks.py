"""backup.yml and restore.yml against this machine, with a real cache as the only store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_backup_stores import Unit
from tests.servers.cache import CacheServer
from tests.servers.vault import kept

ROOT = Path(__file__).parents[2]


def play(name: str, folder: Path, variables: dict[str, Any], *more: str) -> subprocess.CompletedProcess[str]:
    (folder / "variables.json").write_text(json.dumps(variables))
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), str(ROOT / f"playbooks/{name}.yml"), "-i", str(folder / "hosts.yml")]
    command += ["-e", f"@{folder / 'variables.json'}", *more]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOCALHOST_WARNING": "false"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)


def secrets(folder: Path) -> dict[str, str]:
    """The key as inventories have it, in an encrypted file of the test's own."""
    return {
        "cift_secrets_dir": str(folder / "secrets"),
        "cift_vault_password_file": str(folder / "vault-password"),
        "cift_secret_backup": "{{ lookup('secret', 'cift_secret_backup', kind='age_identity') }}",
    }


@pytest.mark.timeout(1500)
@pytest.mark.skipif(os.geteuid() != 0, reason="the role installs age and writes as root")
def test_a_host_is_backed_up_and_restored(cache_server: CacheServer, tmp_path: Path) -> None:
    import redis

    host = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    groups = {name: {"hosts": {}} for name in ("trading", "messaging", "analytics", "relational")}
    groups["cache"] = {"hosts": {"one": host}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"children": groups}}))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "cift.env").write_text("A=1\n")
    (tmp_path / "data").mkdir()
    unit = Unit(tmp_path, cache_server.start, cache_server.kill)
    store = {
        "kind": "cache", "host": "127.0.0.1", "port": cache_server.port, "user": cache_server.user,
        "password": cache_server.password, **unit.order(tmp_path / "data"),
    }  # fmt: skip
    variables = {
        "backup_destination": str(tmp_path / "backups"), **secrets(tmp_path),
        "backup_spool": str(tmp_path / "spool"), "__backup_programs": str(tmp_path / "programs"),
        "backup_paths": [str(tmp_path / "etc")], "backup_controller_paths": [str(tmp_path / "etc")],
        "backup_stores": {"cache": store}, "backup_keep": 2,
        "backup_rclone_remote": str(tmp_path / "remote"),  # rclone's local remote stands for S3
    }  # fmt: skip

    def link() -> Any:
        return redis.Redis(port=cache_server.port, username=cache_server.user, password=cache_server.password)

    try:
        with link() as client:
            client.mset({f"key{number}": number for number in range(500)})
        tried = play("backup", tmp_path, variables, "--check")
        assert tried.returncode == 0, tried.stdout + tried.stderr
        assert not list(tmp_path.glob("backups/2*"))
        done = play("backup", tmp_path, variables)
        assert done.returncode == 0, done.stdout + done.stderr
        (backup,) = tmp_path.glob("backups/2*")
        names = {str(one.relative_to(backup)) for one in backup.rglob("*") if one.is_file()}
        assert names == {
            "manifest.json",
            "SHA256SUMS",
            "controller/state.age",
            "one/cache.age",
            "one/configuration.age",
        }
        assert (tmp_path / "remote" / backup.name / "one/cache.age").is_file()
        assert list((tmp_path / "spool").iterdir()) == []
        with link() as client:
            client.delete("key1")
            client.set("later", 1)
        refused = play("restore", tmp_path, variables)
        assert refused.returncode != 0
        assert "expected an empty store, or -e restore_replace=true" in refused.stdout
        with link() as client:
            assert client.get("later") == b"1"
        (tmp_path / "etc/cift.env").write_text("A=2\n")
        done = play("restore", tmp_path, variables, "-e", "restore_replace=true")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "500 rows saved, 500 restored, hash equal" in done.stdout
        with link() as client:
            assert client.get("key1") == b"1"
            assert client.get("later") is None
        assert (tmp_path / "etc/cift.env").read_text() == "A=2\n"
        with link() as client:
            client.flushall()
        beside = play("restore", tmp_path, variables, "-e", "restore_configuration=true")
        assert beside.returncode == 0, beside.stdout + beside.stderr
        place = f"{str(tmp_path).removeprefix('/')}/etc/cift.env"
        for folder in (f"spool/configuration-{backup.name}", f"backups/.state-{backup.name}"):
            assert (tmp_path / folder / place).read_text() == "A=1\n"
        assert (tmp_path / "etc/cift.env").read_text() == "A=2\n"
        archive = backup / "one/cache.age"
        archive.write_bytes(archive.read_bytes()[:-1])
        damaged = play("restore", tmp_path, variables, "-e", "restore_replace=true")
        assert damaged.returncode != 0
        assert "damaged" in damaged.stdout
        shown = kept(tmp_path / "secrets/vault.yml", tmp_path / "vault-password")
        secret = shown["secrets"]["cift_secret_backup"]
        assert secret.startswith("AGE-SECRET-KEY-")
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert all(secret not in one.stdout + one.stderr for one in (tried, refused, done, beside, damaged))
    finally:
        unit.close()
