"""`cift-cache` of the role dragonfly, signed in by the role's own list of users, with and without TLS.

Dragonfly itself can't be had here. A real redis-server answers, which reads the same lines and speaks the same
protocol: what is shown is the client's side, and nothing of Dragonfly's.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from tests.servers.cache import CacheServer
from tests.servers.certificates import Authority
from tests.unit.role_render import render


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_root_looks_after_the_cache(cache_server: CacheServer, tmp_path: Path, tls: bool) -> None:
    authority = Authority(tmp_path, "ca")
    certificate = authority.issue("cache")
    password = tmp_path / "cift.operator"
    password.write_text("operator-secret")
    variables = {
        "ansible_managed": "ours",
        "dragonfly_port": cache_server.port,
        "dragonfly_password": "long-secret",
        "dragonfly_operator_password": password.read_text(),
        "__dragonfly_operator_password": str(password),
        "dragonfly_tls": tls,
        "dragonfly_tls_auth_clients": tls,
        "dragonfly_tls_certificate": str(certificate.certificate),
        "dragonfly_tls_key": str(certificate.key),
        "dragonfly_tls_ca": str(authority.path),
    }
    render("dragonfly", {"one": variables}, ["users.acl", "cift-cache"], tmp_path)
    (cache_server.folder / "users.acl").write_text((tmp_path / "one/users.acl").read_text())
    if tls:
        cache_server.speak_tls(certificate, authority.path)
        cache_server.arguments[cache_server.arguments.index("--tls-auth-clients") + 1] = "yes"
    cache_server.restart()

    def client(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(tmp_path / "one/cift-cache"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})

    assert client("PING").stdout == "PONG\n"
    assert client("ACL", "WHOAMI").stdout == "operator\n"
    password.write_text("another")
    assert "WRONGPASS" in client("PING").stdout + client("PING").stderr
    password.unlink()
    refused = client("PING")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"cift-cache: {password} can't be read: run it as root\n"


def test_a_password_is_rotated_without_a_restart(cache_server: CacheServer, tmp_path: Path) -> None:
    """What the handler `Load the users` tells the server, while a client that signed in before goes on."""
    (tmp_path / "operator").write_text("operator-secret")
    common = {
        "ansible_managed": "ours",
        "dragonfly_port": cache_server.port,
        "dragonfly_operator_password": "operator-secret",
        "__dragonfly_operator_password": str(tmp_path / "operator"),
        "dragonfly_tls": False,
    }
    passwords = {"old": ("first", ""), "both": ("second", "first"), "new": ("second", "")}
    steps = {
        name: common | {"dragonfly_password": password, "dragonfly_previous_password": previous}
        for name, (password, previous) in passwords.items()
    }
    render("dragonfly", steps, ["users.acl", "cift-cache"], tmp_path)
    users = cache_server.folder / "users.acl"
    users.write_text((tmp_path / "old/users.acl").read_text())
    cache_server.restart()

    def load(step: str) -> str:
        users.write_text((tmp_path / step / "users.acl").read_text())
        command = ["sh", str(tmp_path / step / "cift-cache"), "ACL", "LOAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def signed_in(password: str) -> bool:
        with Redis(port=cache_server.port, username="cift", password=password) as client:
            try:
                return bool(client.ping())
            except AuthenticationError:
                return False

    with Redis(port=cache_server.port, username="cift", password="first") as early:
        process = early.info()["process_id"]
        assert load("both") == "OK\n"
        assert (signed_in("first"), signed_in("second")) == (True, True)
        assert early.ping()
        assert load("new") == "OK\n"
        assert (signed_in("first"), signed_in("second")) == (False, True)
    with Redis(port=cache_server.port, username="cift", password="second") as late:
        assert late.info()["process_id"] == process
