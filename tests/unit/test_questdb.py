"""The role questdb: the server's configuration and unit as rendered, and what is refused before anything is changed."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.role_site import ROLES, Site
from tests.unit.role_code import load

SECRETS = {"cift_secret_questdb": "a" * 32, "cift_secret_questdb_reader": "b" * 32}
FACTS = {"architecture": "x86_64", "distribution_major_version": "13"}
HERE = SECRETS | {"cift_private_address": "10.0.0.5"}
AWAY = {"cift_private_address": "10.0.0.6", "cift_questdb_host": "10.0.0.5"}
GROUPS = {"timeseries": ["ticks"], "trading": ["ticks"]}


def meminfo(gib: float) -> dict[str, str]:
    return {"content": base64.b64encode(f"MemTotal:  {int(gib * (1 << 20))} kB\n".encode()).decode()}


def site(**variables: Any) -> Site:
    return Site({"ticks": HERE | variables, "other": AWAY}, GROUPS, FACTS)


def refused(
    where: Site, java: str = 'openjdk version "17.0.15" 2025-04-15', gib: float = 16, **extra: Any
) -> list[str]:
    known = {"__questdb_meminfo": meminfo(gib), "__questdb_java_asked": {"stderr": java}} | extra
    return where.value("questdb", "ticks", "__questdb_refusals | select | list", **known)


def test_a_host_of_the_defaults_is_accepted() -> None:
    assert refused(site()) == []
    assert refused(site(), java="") == []  # it gets Debian's
    assert refused(site(questdb_listen="10.0.0.5", questdb_plain_text_accepted=True)) == []
    assert refused(site(questdb_settings={"http.worker.count": 7})) == []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"cift_secret_questdb": ""}, "questdb_password: found nothing"),
        ({"cift_secret_questdb_reader": "two words"}, "questdb_reader_password: found nothing, a blank"),
        ({"questdb_password": "back\\slash"}, "questdb_password: found nothing, a blank, a backslash"),
        ({"questdb_reader": "cift"}, "questdb_reader: found cift, who may write, expected another name"),
        ({"questdb_listen": "10.0.0.5"}, "accept passwords and rows as plain text on that network with"),
        ({"questdb_listen": "localhost"}, "found localhost, expected an address such as 127.0.0.1"),
        ({"questdb_pg_port": 9000}, "ports of QuestDB: found 9000, 9000, 9003, expected three different ones"),
        ({"questdb_memory_max_mib": 1000}, "found 1000, expected at least 1792 (heap 512, the server 1024, Java 256)"),
        ({"questdb_memory_max_mib": 9000}, "found 9000, expected at most 8192 (questdb_memory_share 0.5 of 16384"),
        ({"questdb_java_least": 25}, "/usr/bin/java: found Java 17, expected 25 or newer"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(variables: dict[str, Any], sentence: str) -> None:
    (found,) = [found for found in refused(site(**variables)) if sentence in found] or [refused(site(**variables))]
    assert sentence in found


@pytest.mark.parametrize(
    ("java", "package", "sentence"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "default-jre-headless", "/usr/bin/java: found Java 11, expected 17"),
        ('java version "1.8.0_392"', "default-jre-headless", "/usr/bin/java: found Java 1, expected 17"),
        ("", "", "/usr/bin/java: found no Java, expected 17 or newer"),
    ],
)
def test_an_old_java_is_refused(java: str, package: str, sentence: str) -> None:
    (found,) = refused(site(questdb_java_package=package), java=java)
    assert found.startswith(sentence)


def test_a_recorder_elsewhere_cannot_reach_loopback() -> None:
    apart = Site({"ticks": HERE, "other": AWAY}, {"timeseries": ["ticks"], "trading": ["other"]}, FACTS)
    (found,) = refused(apart)
    assert "the recorder of other cannot connect" in found
    tunnel = AWAY | {"cift_questdb_host": "127.0.0.1"}
    assert refused(Site({"ticks": HERE, "other": tunnel}, apart.groups, FACTS)) == []


def test_a_second_store_is_refused() -> None:
    two = Site({"ticks": HERE, "other": AWAY}, {"timeseries": ["ticks", "other"], "trading": ["ticks"]}, FACTS)
    (found,) = refused(two)
    assert found.startswith("group timeseries: found ticks, other, expected one host")


def test_the_configuration_keeps_everybody_else_out() -> None:
    text = site().render("questdb", "ticks", "server.conf.j2", questdb_settings={"cairo.max.uncommitted.rows": 1000})
    conf = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    for name in ("http.net.bind.to", "http.min.net.bind.to", "pg.net.bind.to"):
        assert conf[name].startswith("127.0.0.1:")
    assert conf["http.password"] == conf["pg.password"] == "a" * 32
    assert (conf["pg.readonly.user"], conf["pg.readonly.password"]) == ("reader", "b" * 32)
    for name in ("line.tcp.enabled", "line.udp.enabled", "telemetry.enabled", "line.auto.create.new.tables"):
        assert conf[name] == "false"
    assert conf["config.validation.strict"] == "true"
    assert conf["cairo.max.uncommitted.rows"] == "1000"
    assert conf["ram.usage.limit.bytes"] == str(1 << 30)


def test_the_unit_is_what_systemd_reads(tmp_path: Path) -> None:
    text = site().render("questdb", "ticks", "questdb.service.j2", questdb_java="/bin/true")
    unit = tmp_path / "questdb.service"
    unit.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "questdb.service" not in done.stderr, done.stderr
    # Java passes over what comes after the module's name.
    command = text.partition("ExecStart=")[2].partition("\nSuccessExitStatus")[0].replace("\\\n", "").split()
    assert command.index("-m") > max(i for i, word in enumerate(command) if word.startswith(("-X", "--add", "-p")))
    assert "MemoryMax=4096M" in text


def test_no_check_shows_a_password() -> None:
    checks = site().value("questdb", "ticks", "__questdb_checks")
    assert "a" * 32 not in str(checks)
    assert "b" * 32 not in str(checks)


def test_the_program_reads_the_configuration_past_comments(tmp_path: Path) -> None:
    program = load("questdb/files/cift_questdb.py")
    conf = tmp_path / "server.conf"
    conf.write_text("#\n# Ansible managed: a=b\n#\nhttp.user=cift\nhttp.password=a=b#c\n\n")
    assert program.settings(conf) == {"http.user": "cift", "http.password": "a=b#c"}
    assert "expected an answer within 0 s" in program.wait({"http.min.net.bind.to": "127.0.0.1:1"}, 0)


def test_the_table_of_artifacts_has_a_jar_for_the_java_that_is_asked_for() -> None:
    text = (ROLES / "artifact/vars/main.yml").read_text().partition("  questdb:")[2]
    major, minor = text.partition("version: ")[2].split(".")[:2]
    assert (int(major), int(minor)) < (9, 4)
    assert site().value("questdb", "ticks", "questdb_java_least") == 17
