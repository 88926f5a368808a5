"""The role redis's own files, run by the machine's redis-server: a primary and its replica over TLS, users enforced."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError

from tests.servers.certificates import Authority
from tests.servers.nats import free_port
from tests.unit.role_code import load
from tests.unit.role_render import ROLES, evaluate, render

ansible.module_utils.__path__.append(str(ROLES / "setting/module_utils"))
from ansible.module_utils import setting_checks  # noqa: E402

probe = load("dragonfly/files/cift_dragonfly.py")
PASSWORD, REPLICA_PASSWORD = "cache-secret", "replica-secret"


def variables(folder: Path, authority: Authority, **own: Any) -> dict[str, Any]:
    """The role's variables for a server in a folder of its own, where the distribution's file would be in /etc."""
    folder.mkdir(exist_ok=True)
    (folder / "redis.conf").write_text(f'dir {folder}\ndaemonize no\nlogfile ""\nport 6379\nsave ""\n')
    names = {"package": "redis-server", "unit": "x", "group": "root", "folder": str(folder), "program": "redis"}
    certificate = authority.issue(folder.name)
    return {
        "__redis_names": names,
        "ansible_managed": "ours",
        "redis_port": free_port(),
        "redis_password": PASSWORD,
        "redis_master_password": REPLICA_PASSWORD,
        "redis_maxmemory": "64mb",
        "redis_maxclients": 100,
        "redis_tls": True,
        "redis_tls_certificate": str(certificate.certificate),
        "redis_tls_key": str(certificate.key),
        "redis_tls_ca": str(authority.path),
    } | own


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Run redis-server by the rendered cift.conf; it stops with the block."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed"
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([program, folder / "cift.conf"], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def client(server: dict[str, Any], **own: Any) -> Redis:
    settings = {"ssl": True, "ssl_ca_certs": server["redis_tls_ca"], "username": "cift", "password": PASSWORD}
    return Redis(host="127.0.0.1", port=server["redis_port"], socket_timeout=5, retry=None, **settings | own)


def until(test: Any, what: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if test():
                return
        except ConnectionError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"no {what} within 20 s")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    folder = tmp_path_factory.mktemp("certificates")
    return Authority(folder, "ca"), Authority(folder, "another-ca")


@pytest.fixture(scope="module")
def servers(
    authorities: tuple[Authority, Authority], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, Any]]]:
    """A primary, its replica, and one that trusts another CA and so can't follow."""
    folder = tmp_path_factory.mktemp("servers")
    found = {"primary": variables(folder / "primary", authorities[0])}
    follows = {"redis_replicaof_host": "127.0.0.1", "redis_replicaof_port": found["primary"]["redis_port"]}
    found["replica"] = variables(folder / "replica", authorities[0], **follows)
    found["stranger"] = variables(folder / "stranger", authorities[1], **follows)
    drafts = tmp_path_factory.mktemp("drafts")
    render("redis", found, ["cift.conf", "cift.acl"], drafts)
    with ExitStack() as stack:
        for name, server in found.items():
            for file in (drafts / name).iterdir():
                shutil.copy(file, folder / name / file.name)
            stack.enter_context(running(folder / name))
            until(client(server).ping, f"answer of {name}")
        yield found


def replication(server: dict[str, Any]) -> dict[str, Any]:
    return dict(client(server).info("replication"))


def test_the_replica_is_in_sync(servers: dict[str, dict[str, Any]]) -> None:
    client(servers["primary"]).set("book:AAPL", "1")
    until(lambda: replication(servers["replica"])["master_link_status"] == "up", "replication")
    until(lambda: client(servers["replica"]).get("book:AAPL") == b"1", "key")
    until(
        lambda: (
            replication(servers["primary"])["slave0"]["offset"] == replication(servers["primary"])["master_repl_offset"]
        ),
        "equal offsets",
    )


def test_a_server_of_another_ca_is_no_primary(servers: dict[str, dict[str, Any]]) -> None:
    until(lambda: "certificate verify failed" in log(servers["stranger"]), "refusal in the log")
    assert replication(servers["stranger"])["master_link_status"] == "down"


def log(server: dict[str, Any]) -> str:
    return Path(server["__redis_names"]["folder"], "log").read_text()


def test_users_and_what_they_may(servers: dict[str, dict[str, Any]]) -> None:
    primary = servers["primary"]
    with pytest.raises(AuthenticationError):
        client(primary, username=None, password=None).get("x")
    with pytest.raises(AuthenticationError):
        client(primary, password="wrong").get("x")
    for command in ("CONFIG GET maxmemory", "SHUTDOWN", "FLUSHALL", "ACL LIST", "REPLICAOF NO ONE"):
        with pytest.raises(NoPermissionError):
            client(primary).execute_command(*command.split(" "))
    replica = client(primary, username="replica", password=REPLICA_PASSWORD)
    assert replica.ping()
    with pytest.raises(NoPermissionError):
        replica.get("book:AAPL")


def test_plain_text_and_a_wrong_ca_are_refused(
    servers: dict[str, dict[str, Any]], authorities: tuple[Authority, Authority]
) -> None:
    primary = servers["primary"]
    with pytest.raises(ConnectionError):
        Redis(host="127.0.0.1", port=primary["redis_port"], socket_timeout=5, retry=None).ping()
    with pytest.raises(ConnectionError, match="certificate verify failed"):
        client(primary, ssl_ca_certs=str(authorities[1].path)).ping()


def test_protected_mode_lets_users_of_other_hosts_in(servers: dict[str, dict[str, Any]]) -> None:
    """The server takes 127.0.0.1 alone for its own host, and any other address for a stranger's."""
    primary = servers["primary"]
    context = ssl.create_default_context(cafile=primary["redis_tls_ca"])
    where, origin = ("127.0.0.1", primary["redis_port"]), ("127.0.0.2", 0)
    with (
        socket.create_connection(where, 5, source_address=origin) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(f"AUTH cift {PASSWORD}\r\n".encode())
        assert connection.recv(100) == b"+OK\r\n"


def test_verify_reads_back_over_tls(
    servers: dict[str, dict[str, Any]], authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    server = servers["replica"]
    checks = evaluate("redis", "__redis_checks", server, tmp_path)
    sign_in = next(check for check in checks if check.get("setting") == "clients must sign in")
    configuration = next(check for check in checks if str(check.get("path", "")).endswith("cift.conf"))
    assert f"tls-port {server['redis_port']}" in configuration["contains"]
    for check in (sign_in, configuration | {"mode": "0600"}):
        (row,) = setting_checks.READERS[check["kind"]](check)
        assert row["verdict"] == "pass", row
    # With another CA nothing is read at all, which is no pass.
    blind = [str(authorities[1].path) if word == server["redis_tls_ca"] else word for word in sign_in["argv"]]
    (row,) = setting_checks.check_command(sign_in | {"argv": blind})
    assert row["verdict"] == "fail"


def test_dragonflys_program_asks_over_tls(
    servers: dict[str, dict[str, Any]], authorities: tuple[Authority, Authority]
) -> None:
    """Redis stands in for Dragonfly, which can't be had here: both answer a stranger's PING with NOAUTH."""
    server = servers["primary"]
    words = ["wait", "--host", "127.0.0.1", "--port", str(server["redis_port"]), "--seconds", "0.1", "--ca"]
    good, bad = (probe.parse([*words, str(path)]) for path in (authorities[0].path, authorities[1].path))
    assert probe.wait(good) == ""
    assert probe.row_of_sign_in(good)["verdict"] == "pass"
    assert "certificate verify failed" in probe.wait(bad)
    assert probe.row_of_sign_in(bad)["verdict"] == "fail"
