"""What stops `site.yml`: one clear sentence, and a host on which nothing was installed.

On a real sandbox host, bare but for what the test itself breaks.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.lab import BIN, ROOT, On

pytestmark = pytest.mark.host

Site = Callable[..., str]


@pytest.fixture
def site(lab: dict[str, str], tmp_path: Path, on: On) -> Site:
    """Run site.yml, which must stop; returns its output. The host must be as it was before."""
    inventory = tmp_path / "inventories/sandbox"
    shutil.copytree(ROOT / "inventories/sandbox", inventory, symlinks=True)
    shutil.copytree(ROOT / "inventories/shared", tmp_path / "inventories/shared")

    def run(*arguments: str, **variables: object) -> str:
        before = on("ls /opt /etc /etc/systemd/system; dpkg-query -W")
        command = [BIN / "ansible-playbook", "-i", inventory, "site.yml", "-e", json.dumps(variables), *arguments]
        done = subprocess.run(command, cwd=ROOT, env=lab, capture_output=True, text=True, check=False)
        assert done.returncode != 0, done.stdout
        assert on("ls /opt /etc /etc/systemd/system; dpkg-query -W") == before
        return " ".join(done.stdout.split() + done.stderr.split())

    return run


def test_a_taken_port(site: Site, on: On) -> None:
    on("systemd-run --quiet --unit=squatter python3 -m http.server 4222")
    try:
        on("until ss -Hltn sport = :4222 | grep -q .; do sleep 0.1; done")
        output = site()
    finally:
        on("systemctl stop squatter")
    assert "port 4222: found held by squatter.service, expected free or held by nats.service" in output
    assert "nothing was changed" in output


def test_a_full_disk(site: Site, on: On) -> None:
    on("mount -t tmpfs -o size=8m tmpfs /opt && dd if=/dev/zero of=/opt/full bs=1M 2>/dev/null || true")
    try:
        output = site()
    finally:
        on("umount /opt")
    assert "file system of /opt: found 0.0 GiB free of 0.0 GiB, expected at least 3 GiB free" in output
    assert "nothing was changed" in output


def test_everything_that_is_wrong_is_listed_at_once(site: Site) -> None:
    output = site(preflight_cores=4096, preflight_memory_gib=65536, preflight_releases={"debian": ["99"]})
    assert "3 things are in the way" in output
    assert "operating system: found debian 13, expected debian 99" in output
    assert "CPUs: found" in output
    assert "expected at least 65536 GiB" in output


def test_more_engines_than_there_can_be(site: Site) -> None:
    assert "cift_engine_shards: found 65, expected a number from 1 to 64" in site(cift_engine_shards=65)


def test_an_analytics_server_for_which_nobody_has_a_password(site: Site) -> None:
    output = site(cift_clickhouse_engine="server", cift_secret_clickhouse_api="")
    assert "clickhouse_users: found no password for api" in output


def test_a_tick_store_that_does_not_fit_or_would_be_open(site: Site) -> None:
    output = site(questdb_memory_max_mib=99_000_000, questdb_listen="10.77.0.1", questdb_java_least=99)
    assert "cift-1, questdb_memory_max_mib: found 99000000, expected at most" in output
    assert "cift-1, questdb_listen: found 10.77.0.1 and the server has no TLS" in output
    assert "cift-1, /usr/bin/java: found Java 21, expected 99 or newer" in output


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"dragonfly_maxmemory": "255mb"}, "dragonfly_maxmemory: found 255mb for 1 threads, expected at least 256mb"),
        ({"dragonfly_maxmemory": "lots"}, "found the size 'lots', expected a number with a unit"),
        ({"dragonfly_snapshot_cron": "hourly"}, 'dragonfly_snapshot_cron: found "hourly", expected crontab\'s five'),
        ({"cift_plan": {"services": {"cache": {"cpus": []}}}}, "found no CPU for the service cache in the host's plan"),
    ],
    ids=["memory", "size", "cron", "cpu"],
)
def test_a_cache_that_would_not_start(site: Site, variables: dict[str, object], sentence: str) -> None:
    assert sentence in site(cift_cache_engine="dragonfly", **variables)


def test_an_unreachable_host(site: Site) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    output = site(ansible_host="127.0.0.1", ansible_port=port, ansible_ssh_common_args="")
    assert "cift-1 cannot be reached, nothing was changed on any host" in output
    assert "Connection refused" in output


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A site's mirror on loopback, whole: its address and its one file."""
    folder = tmp_path / "mirror"
    subprocess.run([BIN / "cift", "artifacts", "fetch", "nats-server", "-a", "x86_64", "-f", folder], check=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", next(folder.glob("*.whl"))
        server.shutdown()


@pytest.mark.parametrize("damage", ["tampered", "unlisted", "missing"])
def test_a_cache_that_the_mirror_has_not_right(
    site: Site, mirror: tuple[str, Path], tmp_path: Path, damage: str
) -> None:
    """With the publisher's name; what is in it is never looked at."""
    address, nats = mirror
    file = nats.with_name("dragonfly-x86_64.tar.gz")
    file.write_bytes(b"an archive" * 1000)
    sums = f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
    nats.with_name("SHA256SUMS").write_text("" if damage == "unlisted" else sums)
    if damage == "missing":
        file.unlink()
    elif damage == "tampered":
        file.write_bytes(b"another one" * 1000)
    cache = tmp_path / "cache"
    output = site(cift_cache_engine="dragonfly", cift_artifact_mirror=address, artifact_cache=str(cache))
    sentence = {"missing": f"{file.name}: HTTP Error 404", "unlisted": "has no checksum of dragonfly-x86_64.tar.gz"}
    assert sentence.get(damage, f"artifact dragonfly 1.40.1 for x86_64: {file.name}") in output
    assert "nothing was installed" in output
    assert not [path for path in cache.rglob("*dragonfly*") if path.is_file()]


@pytest.mark.parametrize("damage", ["tampered", "cut short", "missing"])
def test_a_mirror_that_is_not_right(site: Site, mirror: tuple[str, Path], tmp_path: Path, damage: str) -> None:
    address, file = mirror
    if damage == "missing":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[:-100] + (b"x" * 100 if damage == "tampered" else b""))
    output = site(cift_artifact_mirror=address, artifact_cache=str(tmp_path / "cache"))
    sentence = "HTTP Error 404" if damage == "missing" else f"artifact nats-server 2.15.1 for x86_64: {file.name}"
    assert sentence in output
    assert "nothing was installed" in output
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_wrong_checksum(site: Site, tmp_path: Path) -> None:
    wrong = {"nats-server": {"builds": {"x86_64": {"sha256": "0" * 64}, "aarch64": {"sha256": "0" * 64}}}}
    output = site(artifact_overrides=wrong, artifact_cache=str(tmp_path / "cache"))
    assert "artifact nats-server 2.15.1" in output
    assert f"expected {'0' * 64}" in output
    assert "nothing was installed" in output
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
