"""The room `setting`: tables read back in one call, with verdicts that tell a wrong setting from a pending reboot."""

from __future__ import annotations

import hashlib
import http.server
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import ansible.module_utils
import pytest

ROOM = Path(__file__).parents[2] / "roles/setting"
ansible.module_utils.__path__.append(str(ROOM / "module_utils"))

from ansible.module_utils import setting_checks, setting_rows, setting_sysctl  # noqa: E402


def verdict(check: dict[str, object]) -> str:
    setting_rows.validate([check])
    (row,) = setting_checks.READERS[str(check["kind"])](check)
    return str(row["verdict"])


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({"kind": "colour"}, "expected one of command, file"),
        ({"kind": "file"}, "a file check needs path"),
        ({"kind": "listen", "port": 1, "adress": "x"}, "unknown key adress, expected address"),
        ({}, "kind is None"),
    ],
)
def test_a_check_that_cannot_be_read_is_named(check: dict[str, object], expected: str) -> None:
    with pytest.raises(setting_rows.BadCheckError, match=expected):
        setting_rows.validate([{"kind": "package", "name": "x"}, {**check, "setting": "the second"}])
    with pytest.raises(setting_rows.BadCheckError, match=r"check 1 \(colour\)"):
        setting_rows.validate([{"kind": "colour"}])


class TestFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "settings.conf"
        path.write_text("one = 1\ntwo = 2\n")
        path.chmod(0o640)
        return path

    def test_right_in_every_way(self, path: Path) -> None:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        owner = {"owner": "root", "group": "root"} if os.getuid() == 0 else {}
        check = {"kind": "file", "path": str(path), "mode": "0640", "sha256": digest, "contains": ["one = 1", "two"]}
        assert verdict(check | owner) == "pass"

    @pytest.mark.parametrize(
        "wrong",
        [{"mode": "0600"}, {"sha256": "0" * 64}, {"contains": "three"}, {"type": "directory"}, {"owner": "nobody"}],
    )
    def test_wrong_in_one_way(self, path: Path, wrong: dict[str, str]) -> None:
        assert verdict({"kind": "file", "path": str(path), **wrong}) == "fail"

    def test_missing_and_absent(self, tmp_path: Path) -> None:
        missing = {"kind": "file", "path": str(tmp_path / "nothing")}
        assert verdict(missing) == "fail"
        assert verdict(missing | {"absent": True}) == "pass"
        assert verdict({"kind": "file", "path": str(tmp_path), "absent": True}) == "fail"

    def test_links(self, path: Path) -> None:
        link = path.with_name("current")
        link.symlink_to("releases/7")  # dangling on purpose: the link itself is what is read
        assert verdict({"kind": "file", "path": str(link), "target": "releases/7"}) == "pass"
        assert verdict({"kind": "file", "path": str(link), "target": "releases/8"}) == "fail"


def test_listen_wants_the_address_and_no_other() -> None:
    with socket.socket() as loopback, socket.socket() as everywhere:
        for server, address in ((loopback, "127.0.0.1"), (everywhere, "0.0.0.0")):
            server.bind((address, 0))
            server.listen()
        port = loopback.getsockname()[1]
        assert verdict({"kind": "listen", "port": port}) == "pass"
        assert verdict({"kind": "listen", "port": port, "address": "127.0.0.1"}) == "pass"
        open_port = everywhere.getsockname()[1]
        assert verdict({"kind": "listen", "port": open_port, "address": "127.0.0.1"}) == "fail"
    assert verdict({"kind": "listen", "port": port}) == "fail"


class TestHttp:
    @pytest.fixture
    def url(self) -> Iterator[str]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/good" else 503)
                self.send_header("X-Key", self.headers.get("X-Asked", ""))
                self.end_headers()
                self.wfile.write(b'{"state": "up"}')

            def log_message(self, *_: object) -> None:
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()

    def test_status_text_and_headers(self, url: str) -> None:
        good = {"kind": "http", "url": f"{url}/good"}
        assert verdict(good | {"contains": '"up"'}) == "pass"
        assert verdict(good | {"request_headers": {"X-Asked": "yes"}, "headers": {"X-Key": "yes"}}) == "pass"
        assert verdict(good | {"headers": {"X-Key": "yes"}}) == "fail"
        assert verdict(good | {"contains": '"down"'}) == "fail"
        assert verdict({"kind": "http", "url": f"{url}/bad"}) == "fail"
        assert verdict({"kind": "http", "url": f"{url}/bad", "status": 503}) == "pass"

    def test_nobody_there(self) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert verdict({"kind": "http", "url": url}) == "fail"


class TestCommand:
    def test_status_and_output(self) -> None:
        assert verdict({"kind": "command", "argv": ["echo", "hello"], "contains": "hell"}) == "pass"
        assert verdict({"kind": "command", "argv": ["echo", "hello"], "contains": ["hell", "heaven"]}) == "fail"
        assert verdict({"kind": "command", "argv": ["false"], "rc": 1}) == "pass"
        assert verdict({"kind": "command", "argv": ["no-such-program"]}) == "fail"
        assert verdict({"kind": "command", "argv": ["sleep", "9"], "timeout": 0.05}) == "fail"

    def test_secrets_come_by_the_environment_and_never_reach_the_row(self, tmp_path: Path) -> None:
        secrets = tmp_path / "service.env"
        secrets.write_text("# comment\nCIFT_TEST_PASSWORD='open sesame'\n")
        check = {"kind": "command", "argv": ["sh", "-c", 'test "$CIFT_TEST_PASSWORD" = "open sesame"']}
        (row,) = setting_checks.check_command(check | {"environment_file": str(secrets)})
        assert row["verdict"] == "pass"
        assert "sesame" not in str({key: row[key] for key in ("wanted", "live", "persistent")})


class TestSysctl:
    @pytest.fixture
    def kernel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Stand in for /proc/sys and /etc/sysctl.d: a test must not change the machine's kernel."""
        proc, folder = tmp_path / "proc", tmp_path / "sysctl.d"
        (proc / "net/core").mkdir(parents=True)
        folder.mkdir()
        (proc / "net/core/somaxconn").write_text("8192\n")
        (folder / "60-cift-base.conf").write_text("net.core.somaxconn = 8192\n")
        monkeypatch.setattr(setting_checks, "Kernel", lambda: setting_sysctl.Kernel(str(proc)))
        monkeypatch.setattr(setting_checks, "persistent", lambda: setting_sysctl.persistent((str(folder),)))
        monkeypatch.setattr(setting_checks, "container", lambda: None)
        return tmp_path

    CHECK: ClassVar = {"kind": "sysctl", "name": "net.core.somaxconn", "value": 8192}

    def test_right(self, kernel: Path) -> None:
        assert verdict(self.CHECK) == "pass"

    def test_right_in_the_file_alone_needs_a_reboot(self, kernel: Path) -> None:
        (kernel / "proc/net/core/somaxconn").write_text("4096\n")
        assert verdict(self.CHECK) == "reboot"

    def test_right_in_the_kernel_alone_fails(self, kernel: Path) -> None:
        (kernel / "sysctl.d/60-cift-base.conf").unlink()
        assert verdict(self.CHECK) == "fail"

    def test_a_later_file_that_undoes_it_fails(self, kernel: Path) -> None:
        (kernel / "sysctl.d/99-local.conf").write_text("net/core/somaxconn=128\n")
        assert verdict(self.CHECK) == "fail"

    def test_a_container_skips_what_belongs_to_the_machine(self, kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (kernel / "proc/net/core/somaxconn").unlink()
        monkeypatch.setattr(setting_checks, "container", lambda: "systemd-nspawn")
        (row,) = setting_checks.check_sysctl(self.CHECK)
        assert row["verdict"] == "skip"
        assert "systemd-nspawn" in row["why"]


def test_persistent_follows_systemd_s_precedence(tmp_path: Path) -> None:
    etc, vendor = tmp_path / "etc", tmp_path / "usr"
    for folder, name, text in (
        (vendor, "10-a.conf", "vm.swappiness = 60\nvm.overcommit_memory = 0"),
        (etc, "10-a.conf", "# takes the place of the vendor's whole file\n-vm.swappiness = 10"),
        (vendor, "90-z.conf", "net.ipv4.tcp_rmem = 4096\t87380  6291456"),
    ):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    found = setting_sysctl.persistent((str(etc), str(vendor)))
    assert found == {"vm.swappiness": "10", "net.ipv4.tcp_rmem": "4096 87380 6291456"}


def test_dots_in_an_interface_name() -> None:
    kernel = setting_sysctl.Kernel("/proc/sys")
    assert kernel.path("net.ipv4.conf.eth0/7.forwarding") == Path("/proc/sys/net/ipv4/conf/eth0.7/forwarding")
    assert kernel.path("net/ipv4/conf/eth0.7/forwarding") == Path("/proc/sys/net/ipv4/conf/eth0.7/forwarding")
    assert kernel.read("no.such.setting") is None
