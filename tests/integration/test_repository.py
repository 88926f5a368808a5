"""The room `repository` against apt itself: a small signed repository on loopback, apt in a folder of its own.

ClickHouse's real packages can't be had here. Those below have the publisher's names, its dependencies and its conflict,
and a program that only prints its arguments. What is shown: the key, the source and the pin. The role's task that has
Ansible install them on a host is not run.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("gpg", "dpkg-deb", "dpkg-scanpackages", "apt-get")
pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in NEEDED), reason=f"needs {', '.join(NEEDED)}: install gpg and dpkg-dev"
)
PINNED, NEWER = "26.8.11.7", "26.9.1.1"
PROGRAM = '#!/bin/sh\necho "$0 $*"\n'
PACKAGES: dict[str, dict[str, str]] = {
    "clickhouse-common-static": {},
    "clickhouse-client": {"Depends": "clickhouse-common-static (= {version})"},
    "clickhouse-server": {"Depends": "clickhouse-common-static (= {version})", "Conflicts": "clickhouse-keeper"},
    "clickhouse-keeper": {"Conflicts": "clickhouse-server"},
}
PROGRAMS = {"clickhouse-common-static": "clickhouse"}


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


class Keys:
    """Throw-away keys of one folder."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self._home = home

    def gpg(self, *words: str | Path) -> str:
        return run("gpg", "--homedir", self._home, "--batch", "--yes", "--passphrase", "", *words)

    def make(self, name: str) -> str:
        """Make a key, write it to <home>/<name>.asc, and return its fingerprint."""
        self.gpg("--quick-generate-key", f"{name} <{name}@example.invalid>", "rsa2048", "sign", "never")
        listing = self.gpg("--list-keys", "--with-colons", f"{name}@example.invalid")
        self.gpg("--armor", "--output", self.file(name), "--export", f"{name}@example.invalid")
        return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))

    def file(self, name: str) -> Path:
        return self._home.parent / f"{name}.asc"

    def stop(self) -> None:
        """End the agent that gpg started for this folder, and no other one."""
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "gpg-agent"], check=False)


def package(folder: Path, name: str, version: str) -> None:
    tree = folder / "tree" / f"{name}_{version}"
    for path in (tree / "DEBIAN", tree / "usr/bin"):
        path.mkdir(parents=True)
    program = tree / "usr/bin" / PROGRAMS.get(name, name)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    fields = {"Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "nobody <n@example.invalid>"}
    fields |= {"Description": "prints its arguments"}
    fields |= {key: value.format(version=version) for key, value in PACKAGES[name].items()}
    (tree / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
    pool = folder / "deb/pool"
    pool.mkdir(parents=True, exist_ok=True)
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, pool)


def release(folder: Path) -> str:
    """What apt-ftparchive writes: the suite, and the sum of its index."""
    index = "main/binary-amd64/Packages"
    data = (folder / index).read_bytes()
    return (
        "Origin: ClickHouse\nSuite: lts\nCodename: lts\nArchitectures: amd64\nComponents: main\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} {index}\n"
    )


@dataclass(frozen=True)
class Publisher:
    """A repository on loopback, its key, and somebody else's key."""

    address: str
    keys: Keys
    fingerprint: str
    other: str


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    folder = tmp_path_factory.mktemp("publisher")
    keys = Keys(folder / "g")
    fingerprint, other = keys.make("publisher"), keys.make("other")
    for name in PACKAGES:
        for version in (PINNED, NEWER):
            package(folder, name, version)
    suite = folder / "deb/dists/lts"
    (suite / "main/binary-amd64").mkdir(parents=True)
    (suite / "main/binary-amd64/Packages").write_text(run("dpkg-scanpackages", "-m", "pool", cwd=folder / "deb"))
    (folder / "Release").write_text(release(suite))
    keys.gpg("--local-user", fingerprint, "--clearsign", "--output", suite / "InRelease", folder / "Release")
    shutil.copy(keys.file("publisher"), folder / "deb/key.asc")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder / "deb"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Publisher(f"http://127.0.0.1:{server.server_address[1]}", keys, fingerprint, other)
        server.shutdown()
    keys.stop()


class Root:
    """Where apt has its files, apart from the machine's, and where the role writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("etc/apt/keyrings", "etc/apt/sources.list.d", "etc/apt/preferences.d", "etc/apt/apt.conf.d"):
            (folder / name).mkdir(parents=True)
        for name in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg/info", "var/log/apt"):
            (folder / name).mkdir(parents=True)
        (folder / "var/lib/dpkg/status").touch()

    def configure(self, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run the role's tasks for the key, the source and the pin, on this folder."""
        steps = ("key", "sources")
        tasks = [{"ansible.builtin.include_role": {"name": "repository", "tasks_from": step}} for step in steps]
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
        everything = {
            "ansible_become": False,
            "ansible_facts": {"architecture": "x86_64"},
            "repository_name": "clickhouse",
            "repository_suite": "lts",
            "repository_packages": dict.fromkeys(list(PACKAGES)[:3], PINNED),
            "repository_pattern": "clickhouse-*",
            "__repository_apt": str(self.folder / "etc/apt"),
            "__repository_incoming": str(self.folder / "incoming.asc"),
            **variables,
        }
        (self.folder / "play.json").write_text(json.dumps(play))
        (self.folder / "variables.json").write_text(json.dumps(everything))
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local"]
        command += ["-e", f"@{self.folder / 'variables.json'}", self.folder / "play.json"]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        }
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)

    def apt(self, *words: str) -> subprocess.CompletedProcess[str]:
        options = {
            "Dir": self.folder,
            "Dir::State::status": self.folder / "var/lib/dpkg/status",
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::http::Proxy": "DIRECT",
            "DPkg::Options::": f"--root={self.folder}",
        }
        given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        given += ["-o", "DPkg::Options::=--force-not-root", "-o", f"DPkg::Options::=--log={self.folder}/dpkg.log"]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "-y", *given, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


@pytest.fixture
def configured(root: Root, publisher: Publisher) -> Root:
    done = root.configure(
        repository_address=publisher.address,
        repository_key=f"{publisher.address}/key.asc",
        repository_fingerprint=publisher.fingerprint,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (root.folder / "incoming.asc").exists()
    return root


def chosen(output: str) -> dict[str, str]:
    words = [line.split() for line in output.splitlines() if line.startswith("Inst ")]
    return {line[1]: next(word for word in line if word.startswith("(")).strip("(") for line in words}


def test_apt_takes_the_pinned_version_of_a_signed_repository(configured: Root) -> None:
    update = configured.apt("update")
    assert update.returncode == 0, update.stdout + update.stderr
    asked = configured.apt("install", "--simulate", "clickhouse-server", "clickhouse-client")
    assert chosen(asked.stdout) == dict.fromkeys(list(PACKAGES)[:3], PINNED), asked.stdout + asked.stderr
    by_version = configured.apt("install", "--simulate", f"clickhouse-keeper={PINNED}")
    assert by_version.returncode == 0, by_version.stderr
    no_pin = configured.apt("install", "--simulate", "clickhouse-keeper")
    assert "has no installation candidate" in no_pin.stdout + no_pin.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="dpkg unpacks for root")
def test_installed_and_held(configured: Root) -> None:
    configured.apt("update")
    done = configured.apt("install", "clickhouse-server", "clickhouse-client")
    assert done.returncode == 0, done.stdout + done.stderr
    program = configured.folder / "usr/bin/clickhouse-server"
    assert run(program, "--version").split()[1:] == ["--version"]
    later = configured.apt("dist-upgrade")
    assert "0 upgraded" in later.stdout
    # A way back: the pin moves down, and so do the packages, in one step.
    preferences = configured.folder / "etc/apt/preferences.d/clickhouse"
    preferences.write_text(preferences.read_text().replace(PINNED, NEWER))
    assert configured.apt("dist-upgrade").returncode == 0
    preferences.write_text(preferences.read_text().replace(NEWER, PINNED))
    back = configured.apt("--allow-downgrades", "dist-upgrade")
    assert "3 downgraded" in back.stdout
    both = configured.apt("install", "--simulate", f"clickhouse-keeper={PINNED}", "clickhouse-server")
    assert both.returncode != 0


def test_another_key_than_the_fingerprint_names_is_refused_before_apt_has_it(root: Root, publisher: Publisher) -> None:
    done = root.configure(
        repository_address=publisher.address,
        repository_key=f"{publisher.address}/key.asc",
        repository_fingerprint=publisher.other,
    )
    assert done.returncode == 2
    said = " ".join(done.stdout.split())
    assert f"found {publisher.fingerprint}, expected the key {publisher.other} alone" in said
    assert not list((root.folder / "etc/apt").rglob("clickhouse*"))


def spoiled_keyring(root: Root, publisher: Publisher) -> None:
    target = root.folder / "etc/apt/keyrings/clickhouse.asc"
    target.write_bytes(publisher.keys.file("other").read_bytes())


def spoiled_fingerprint(root: Root, publisher: Publisher) -> None:
    """Both keys are in the file, and the source names the other one."""
    target = root.folder / "etc/apt/keyrings/clickhouse.asc"
    publisher.keys.gpg("--armor", "--output", target, "--export", publisher.fingerprint, publisher.other)
    sources = root.folder / "etc/apt/sources.list.d/clickhouse.sources"
    sources.write_text(sources.read_text().replace(publisher.fingerprint, publisher.other))


@pytest.mark.parametrize("spoil", [spoiled_keyring, spoiled_fingerprint])
def test_apt_refuses_what_another_key_signed(
    configured: Root, publisher: Publisher, spoil: Callable[[Root, Publisher], None]
) -> None:
    spoil(configured, publisher)
    done = configured.apt("update")
    said = done.stdout + done.stderr
    assert "signatures couldn't be verified" in said or "is not signed" in said
    missing = configured.apt("install", "--simulate", "clickhouse-server")
    assert missing.returncode != 0
