"""playbooks/upgrade.yml on a real sandbox host, for stores that hold rows, and builds of them that don't run.

QuestDB goes from 9.3.2 to 9.3.4, which are the publisher's; PostgreSQL from Debian's package to the same program with
higher versions, as Debian 13 has one alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cift.core.clickhouse.migrations import statements
from cift.core.migrations import load_migrations
from tests.servers.lab import ROOT, On, Play
from tests.servers.vault import kept

pytestmark = [pytest.mark.host, pytest.mark.slow, pytest.mark.timeout(1800)]

OLD, NEW = "9.3.2", "9.3.4"
BEFORE = {
    "questdb": {
        "version": OLD,
        "builds": {"x86_64": {"sha256": "fe875305d40a966c8256c9420122111d003c4709866109a59361d8cbefe3cedf"}},
    }
}
SITE = """---
- name: Run the stores that are upgraded
  hosts: all
  gather_facts: false
  roles: [preflight, cpu_plan, base, postgresql, questdb]
"""
ASK = """python3 - <<'END'
import urllib.parse as p, urllib.request as r
for statement in {statements!r}:
    page = "http://127.0.0.1:9000/exec?" + p.urlencode(dict(query=statement))
    answer = r.urlopen(r.Request(page, headers=dict(Authorization="Basic {credentials}"))).read().decode()
print(answer)
END"""


@pytest.fixture(scope="module")
def upgrade(play: Play, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """The playbook, on a host that runs PostgreSQL and QuestDB of before; a gate gives up after a few looks."""
    site = tmp_path_factory.mktemp("site") / "site.yml"
    site.write_text(SITE)
    done = play(site, artifact_overrides=BEFORE)
    assert done.returncode == 0, done.stdout + done.stderr

    def run(service: str, *words: str, **extra: Any) -> subprocess.CompletedProcess[str]:
        given = {"upgrade_service": service, "upgrade_gate_pauses": [0, 1, 2, 5, 10], "questdb_start_timeout": 60}
        return play("playbooks/upgrade.yml", *words, **given | extra)

    return run


def ask(on: On, *statements: str) -> list[Any]:
    """The rows of the last statement, by QuestDB."""
    shown = kept(ROOT / ".state/secrets/sandbox/vault.yml", ROOT / ".state/vault-password")
    password = shown["secrets"]["cift_secret_questdb"]
    credentials = base64.b64encode(f"cift:{password}".encode()).decode()
    rows: list[Any] = json.loads(on(ASK.format(statements=statements, credentials=credentials))).get("dataset", [])
    return rows


def test_questdb(upgrade: Play, on: On, tmp_path: Path) -> None:
    ask(on, *(statement for migration in load_migrations("questdb") for statement in statements(migration.sql)))
    rows = "SELECT count(), sum(seq) FROM trades"
    ask(on, "INSERT INTO trades(ts, seq) SELECT dateadd('s', x::INT, now()), x FROM long_sequence(50)")
    jar = tmp_path / "questdb-9.3.99.jar"
    jar.write_text("no jar, made by a test")
    broken = {
        "version": "9.3.99",
        "kind": "archive",
        "address": f"file://{tmp_path}/questdb-{{version}}.jar",
        "builds": {"x86_64": {"sha256": hashlib.sha256(jar.read_bytes()).hexdigest()}},
    }
    done = upgrade("questdb", artifact_overrides={"questdb": broken})
    assert done.returncode != 0
    assert f"It runs {OLD} again, and is well" in " ".join(done.stdout.split()), done.stdout
    assert on("readlink /opt/questdb/current") == OLD
    assert ask(on, rows) == [[50, 1275]]
    done = upgrade("questdb")
    assert done.returncode == 0, done.stdout + done.stderr
    assert on("readlink /opt/questdb/current") == NEW
    assert NEW in str(ask(on, "SELECT build()"))
    assert ask(on, rows) == [[50, 1275]]
    again = upgrade("questdb")
    assert f"questdb on cift-1 is {NEW} already" in again.stdout
    assert "changed=0" in again.stdout, again.stdout
    back = upgrade("questdb", artifact_overrides=BEFORE)
    assert f"found {NEW}, which is newer than {OLD}" in " ".join(back.stdout.split())


def test_postgresql(upgrade: Play, on: On) -> None:
    """A package that doesn't run fails in its own scripts already, half installed: the way back begins there."""
    psql = "runuser -u postgres -- psql -XAtq postgres -c"
    on(f'{psql} "CREATE TABLE kept AS SELECT n FROM generate_series(1, 50) AS n"')
    on("apt-get install --yes --quiet --no-install-recommends dpkg-repack dpkg-dev >/dev/null")
    package = "postgresql-17"
    real = on(f"dpkg-query --show --showformat='${{Version}}' {package}")
    make = f"""set -eu
    mkdir -p /srv/index; cd /srv/index; rm -rf *.deb tree
    dpkg-repack {package} >/dev/null 2>&1
    dpkg-deb --raw-extract {package}_*.deb tree
    rm {package}_*.deb
    sed -i 's/^Version: .*/Version: {{version}}/' tree/DEBIAN/control
    {{more}}
    dpkg-deb -Znone --build tree {package}_next.deb >/dev/null
    dpkg-scanpackages --multiversion . >Packages 2>/dev/null
    echo 'deb [trusted=yes] file:/srv/index ./' >/etc/apt/sources.list.d/test.list
    """

    def seen() -> tuple[str, str]:
        count = on(f'{psql} "SELECT count(*) FROM kept"')
        return on(f"dpkg-query --show --showformat='${{Version}}' {package}"), count

    on(make.format(version=f"{real}+cift1", more=""))
    started = on(f'{psql} "SELECT pg_postmaster_start_time()"')
    done = upgrade("postgresql")
    assert done.returncode == 0, done.stdout + done.stderr
    assert seen() == (f"{real}+cift1", "50")
    assert on(f'{psql} "SELECT pg_postmaster_start_time()"') != started
    program = "tree/usr/lib/postgresql/17/bin/postgres"
    stub = f"rm {program}; printf '#!/bin/sh\\nexit 1\\n' >{program}; chmod 755 {program}"
    on(make.format(version=f"{real}+cift2", more=stub))
    done = upgrade("postgresql")
    assert done.returncode != 0
    assert "postgresql on cift-1 was not upgraded" in done.stdout, done.stdout
    assert seen() == (f"{real}+cift1", "50")
    assert on("ls /var/lib/cift/upgrade/*.json || true") == ""
