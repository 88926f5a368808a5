"""Sandbox hosts, booted for real: `cift sandbox` from up to down, and what is left after it was killed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cift.ops.sandbox import cgroups, mounts, network, preflight, records
from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.layout import DEFAULT_CACHE, Layout

pytestmark = [pytest.mark.host, pytest.mark.timeout(600)]

# The same program as `cift sandbox`, without the other verbs, which take their time to load.
CIFT = [sys.executable, "-c", "from cift.ops.sandbox.cli import app; app()"]


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """A short-lived folder on a file system that carries overlays (pytest's own may be a tmpfs in a container)."""
    folder = Path(f"/var/lib/cift-sandbox-test-{os.getpid()}")
    try:
        preflight.check(folder)
    except RefusedError as why:
        pytest.skip(str(why))
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


class Bench:
    """One lab for one test, driven through the command as a person would."""

    def __init__(self, state: Path, cache: Path = DEFAULT_CACHE) -> None:
        self.layout = Layout(state, cache)
        self.environment = {**os.environ, "CIFT_SANDBOX_DIR": str(state), "CIFT_SANDBOX_CACHE": str(cache)}

    def __call__(self, *words: str, status: int = 0) -> str:
        done = subprocess.run([*CIFT, *words], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stderr

    def killed(self, when: Callable[[], bool], *words: str, after: float = 0) -> None:
        """Run the command and `kill -9` it `after` seconds from the moment when `when()` is true."""
        with subprocess.Popen(
            [*CIFT, *words], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as command:
            while command.poll() is None and not when():
                time.sleep(0.001)
            time.sleep(after)
            command.kill()

    def hosts(self) -> dict[str, dict[str, object]]:
        return {row["name"]: row for row in json.loads(self("list", "--json"))}

    def left(self) -> list[str]:
        """Everything on the machine that still belongs to this lab."""
        own = [self.layout.root, *([self.layout.cache] if self.layout.cache != DEFAULT_CACHE else [])]
        found = [f"mount {point}" for folder in own for point in mounts.mounted(folder)]
        found += [f"link {name}" for name in network.lab_links(self.layout)]
        found += [f"group {root}" for root in cgroups.roots() if (root / self.layout.group).exists()]
        found += [str(path) for path in Path("/run/systemd/nspawn").rglob(f"*{self.layout.id}*")]
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                told = (process / "cmdline").read_bytes() + os.fsencode((process / "root").readlink())
                if any(os.fsencode(folder) in told for folder in own):
                    found.append(f"process {process.name} {told!r}")
        if self.layout.root.exists():
            found.append(f"folder {self.layout.root}")
        return found


@pytest.fixture
def bench(scratch: Path) -> Iterator[Bench]:
    bench = Bench(scratch / "lab")
    yield bench
    bench("down")
    assert bench.left() == []


@pytest.fixture(scope="module")
def pair(scratch: Path) -> Iterator[Bench]:
    """A lab with one host of each release."""
    bench = Bench(scratch / "pair")
    bench("up", "old=12", "new", "--release", "trixie")
    yield bench
    bench("down")
    assert bench.left() == []


def test_hosts_of_both_releases_run_side_by_side(pair: Bench) -> None:
    rows = pair.hosts()
    assert {name: (row["release"], row["state"]) for name, row in rows.items()} == {
        "old": ("12", "running"),
        "new": ("13", "running"),
    }
    for name, release in (("old", "bookworm"), ("new", "trixie")):
        assert f"VERSION_CODENAME={release}" in pair("ssh", name, "cat", "/etc/os-release")
        assert pair("ssh", name, "hostname").strip() == name
        assert pair("ssh", name, "stat", "-fc", "%T", "/sys/fs/cgroup").strip() == "cgroup2fs"
        assert pair("ssh", name, "systemctl", "is-system-running").strip() == "running"


def test_hosts_know_each_other_and_share_no_identity(pair: Bench) -> None:
    assert pair("ssh", "old", "getent", "hosts", "new").split()[0] == pair.hosts()["new"]["address"]
    for file in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"):
        assert pair("ssh", "old", "cat", file) != pair("ssh", "new", "cat", file)
    open_port = "import socket; socket.create_connection(('old', 22), 5).close()"
    pair("ssh", "new", f'python3 -c "{open_port}"')


@pytest.mark.parametrize("name", ["old", "new"])
def test_a_host_reaches_debian_packages_and_nothing_else(pair: Bench, name: str) -> None:
    pair("ssh", name, "apt-get", "update", "-qq", "--error-on=any")
    ask = (
        "import re, urllib.request as u\n"
        "proxy = re.search('http://[0-9.]+:[0-9]+', open('/etc/apt/apt.conf.d/90cift-sandbox').read())[0]\n"
        "o = u.build_opener(u.ProxyHandler({'http': proxy}))\n"
        "try: o.open('http://forbidden.example/')\n"
        "except u.HTTPError as e: print(e.code)\n"
    )
    answer = subprocess.run(
        [*CIFT, "ssh", name, "python3", "-"],
        input=ask,
        env=pair.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout.strip() == "403", answer.stderr
    assert pair("ssh", name, "ip", "route", "show", "default").strip() == ""


def test_a_host_comes_back_after_a_reboot_with_its_disk(pair: Bench) -> None:
    pair("ssh", "new", "touch", "/etc/kept")
    pair("reboot", "new", "--wait")
    assert (pair.hosts()["new"]["boots"], pair.hosts()["new"]["state"]) == (2, "running")
    pair("ssh", "new", "test", "-e", "/etc/kept")


def test_an_unplugged_host_runs_on_unseen_until_it_is_plugged(pair: Bench) -> None:
    tick = "rm -f /run/seen; while sleep 0.2; do date +%s > /run/seen; done"
    pair("ssh", "new", "systemd-run", "--unit=tick", "--collect", "sh", "-c", f"'{tick}'")
    pair("unplug", "new")
    pair("unplug", "new")
    cut = time.time()
    assert pair.hosts()["new"]["state"] == "unplugged"
    reach = "import socket; socket.create_connection(('new', 22), 2)"
    assert "TimeoutError" in pair("ssh", "old", f'python3 -c "{reach}"', status=1)
    pair("plug", "new")
    pair("plug", "new")
    assert pair.hosts()["new"]["state"] == "running"
    assert float(pair("ssh", "new", "cat", "/run/seen")) >= int(cut)
    pair("ssh", "new", "systemctl", "stop", "tick")
    assert "no host 'other'" in pair("unplug", "other", status=2)


def test_up_twice_leaves_running_hosts_alone(pair: Bench) -> None:
    before = pair.hosts()
    pair("up", "new", "--release", "13")
    assert {row["name"]: row["boots"] for row in pair.hosts().values()} == {
        name: row["boots"] for name, row in before.items()
    }


def test_refusals_name_what_was_found_and_change_nothing(pair: Bench) -> None:
    assert "'old' is there with Debian 12" in pair("up", "old", "--release", "13", status=2)
    assert "release '14' is not known" in pair("up", "other", "--release", "14", status=2)
    assert "'A_b' is not usable" in pair("up", "A_b", status=2)
    assert "no host 'other'" in pair("down", "other", status=2)
    assert "no host 'other'" in pair("ssh", "other", status=2)
    assert set(pair.hosts()) == {"old", "new"}


def test_two_labs_have_networks_of_their_own(pair: Bench, bench: Bench) -> None:
    bench("up", "old", "--release", "12")
    assert (
        str(bench.hosts()["old"]["address"]).rsplit(".", 1)[0] != str(pair.hosts()["old"]["address"]).rsplit(".", 1)[0]
    )
    bench("down")
    assert pair.hosts()["old"]["state"] == "running"


def test_down_twice_and_one_by_one(bench: Bench) -> None:
    bench("up", "one", "two")
    bench("down", "one")
    assert set(bench.hosts()) == {"two"}
    assert "one" not in bench("ssh", "two", "cat", "/etc/hosts")
    bench("down")
    assert bench.left() == []
    bench("down")
    assert bench.left() == []


def test_two_commands_at_once_take_turns(bench: Bench) -> None:
    with contextlib.ExitStack() as both:
        commands = [
            both.enter_context(subprocess.Popen([*CIFT, "up", name], env=bench.environment, stdout=subprocess.DEVNULL))
            for name in ("one", "two")
        ]
        assert [command.wait() for command in commands] == [0, 0]
    assert {row["state"] for row in bench.hosts().values()} == {"running"}
    assert len({row["address"] for row in bench.hosts().values()}) == 2


@pytest.mark.parametrize("seconds", [0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8])
def test_nothing_is_left_when_up_was_killed(bench: Bench, seconds: float) -> None:
    bench.killed(bench.layout.records.exists, "up", "one", "two", after=seconds)
    bench("down")
    assert bench.left() == []


def _leaving(bench: Bench) -> bool:
    return any(host.wanted == "down" for host in records.load(bench.layout).hosts.values())


@pytest.mark.parametrize("seconds", [0, 0.05, 0.15, 0.3])
def test_nothing_is_left_when_down_was_killed_and_said_again(bench: Bench, seconds: float) -> None:
    bench("up", "one", "two")
    bench.killed(lambda: _leaving(bench), "down", after=seconds)
    bench("down")
    assert bench.left() == []


def test_up_continues_what_a_killed_up_began(bench: Bench) -> None:
    bench.killed((bench.layout.host("one") / "net").exists, "up", "one", "two")
    bench("up", "one", "two")
    assert {row["state"] for row in bench.hosts().values()} == {"running"}


def test_nothing_is_left_when_the_build_of_a_base_tree_was_killed(scratch: Path) -> None:
    bench = Bench(scratch / "lab", scratch / "cache")
    bench.killed(lambda: any(bench.layout.cache.glob("draft-*/root/usr/bin/dpkg")), "up", "one")
    bench("down", "--purge")
    assert bench.left() == []
    assert not bench.layout.cache.exists()


def test_a_killed_supervisor_is_told_and_mended(bench: Bench) -> None:
    bench("up", "one")
    keeper = cgroups.roots()[0] / bench.layout.group / "hosts/one/keeper/cgroup.procs"
    os.kill(int(keeper.read_text()), signal.SIGKILL)
    while bench.hosts()["one"]["state"] == "running":
        time.sleep(0.05)
    assert bench.hosts()["one"]["state"] == "unwatched"
    bench("up", "one")
    assert bench.hosts()["one"]["state"] == "running"
    os.kill(int(keeper.read_text()), signal.SIGKILL)
    bench("down")
    assert bench.left() == []


def test_down_works_without_the_records(bench: Bench) -> None:
    bench("up", "one")
    bench.layout.records.unlink()
    bench("down")
    assert bench.left() == []


def test_hosts_come_back_after_the_machine_was_restarted_even_to_another_subnet(bench: Bench) -> None:
    bench("up", "one", "two")
    bench("ssh", "one", "touch", "/etc/kept")
    before = str(bench.hosts()["one"]["address"])
    # What a restart of the machine takes away: processes, groups, links, mounts. And somebody else was faster.
    cgroups.remove(bench.layout.group)
    network.remove_links(network.lab_links(bench.layout))
    mounts.release(bench.layout.root)
    faster = f"cifttry{os.getpid() % 10**7}"
    subprocess.run(["ip", "link", "add", faster, "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", f"{before}/24", "dev", faster], check=True)
        assert {row["state"] for row in bench.hosts().values()} == {"stopped"}
        bench("up", "one")
        assert {name: row["state"] for name, row in bench.hosts().items()} == {"one": "running", "two": "stopped"}
        after = str(bench.hosts()["one"]["address"])
        assert after.rsplit(".", 1)[0] != before.rsplit(".", 1)[0]
        bench("ssh", "one", "test", "-e", "/etc/kept")
        bench("up", "one", "two")
        assert after in bench("ssh", "two", "getent", "hosts", "one")
    finally:
        subprocess.run(["ip", "link", "del", faster], check=True)
