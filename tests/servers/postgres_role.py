"""Real PostgreSQL servers with the configuration that the role renders: a primary and a standby over TLS on loopback.

Each has Debian's layout below a temporary folder: `etc/` with postgresql.conf, conf.d and the role's files, `data/`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.role_site import ROLES, Site
from tests.servers.nats import free_port
from tests.servers.postgres import _as_postgres, _program

SECRETS = {"postgresql_password": "p" * 32, "postgresql_replication_password": "r" * 32}
OWNER = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
# Small, so that a test machine carries several.
SMALL = {"postgresql_shared_buffers": "32MB", "postgresql_min_wal_size": "32MB", "postgresql_max_wal_size": "64MB"}


def own(path: Path, mode: int) -> Path:
    """Give the path to the servers' user."""
    if os.geteuid() == 0:
        shutil.chown(path, OWNER, OWNER)
    path.chmod(mode)
    return path


class Authority:
    """A certificate authority of the test's own, made by openssl."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.name = folder, name
        self.certificate, self._key = folder / f"{name}.crt", folder / f"{name}.key"
        self._openssl("-x509", "-days", "2", "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)
        self.certificate.chmod(0o644)

    def issue(self, name: str, address: str) -> tuple[Path, Path]:
        """Return a certificate for the address, and its key as the role pki leaves it (0640, the server's group)."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        by = ("-x509", "-days", "2", "-CA", self.certificate, "-CAkey", self._key)
        alternative = ("-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE")
        self._openssl(*by, "-subj", f"/CN={name}", *alternative, "-keyout", key, "-out", certificate)
        certificate.chmod(0o644)
        if os.geteuid() == 0:
            shutil.chown(key, "root", OWNER)
        key.chmod(0o640 if os.geteuid() == 0 else 0o600)
        return certificate, key

    def _openssl(self, *words: object) -> None:
        new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run([*new, *map(str, words)], check=True, capture_output=True)


@dataclass
class RoleServer:
    """One server as the role configures it on `host` of `site`; `extra` are variables as with -e."""

    root: Path
    host: str
    site: Site
    extra: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        own_folder(self.root)
        self.etc, self.data = self.root / "etc", self.root / "data"
        self.program = own_folder(self.root / "bin") / "cift-wal-archive"
        shutil.copy(ROLES / "postgresql/files/cift_wal_archive.sh", self.program)
        self.program.chmod(0o755)

    @property
    def variables(self) -> dict[str, Any]:
        return {
            **SECRETS,
            **SMALL,
            "postgresql_port": self.port,
            "postgresql_socket_dir": str(self.root),
            "__postgresql_cluster": str(self.etc),
            "__postgresql_archiver": str(self.program),
            "__postgresql_account": OWNER,
            **self.extra,
        }

    def configure(self) -> None:
        """Write what the role's tasks write, and the package's own part of it."""
        own_folder(self.etc)
        own_folder(self.etc / "conf.d")
        if archive := self.extra.get("postgresql_archive_dir"):
            own_folder(Path(archive))
        own_text = f"data_directory = '{self.data}'\ninclude_dir = 'conf.d'\n"
        files = {"postgresql.conf": own_text, "pg_ident.conf": ""}
        for name, template in (
            ("conf.d/60-cift.conf", "cift.conf.j2"),
            ("cift_hba.conf", "cift_hba.conf.j2"),
            ("cift_replication.pgpass", "replication.pgpass.j2"),
        ):
            files[name] = self.site.render("postgresql", self.host, template, **self.variables)
        for name, text in files.items():
            (self.etc / name).write_text(text + "\n")
            own(self.etc / name, 0o600)

    def initdb(self) -> None:
        words = ["-U", OWNER, "--auth=peer", "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run("initdb", "-D", str(self.data), *words)

    def start(self) -> None:
        """Start the server and return when it answers on its socket."""
        with (self.root / "log").open("ab") as log:
            command = [_program("postgres"), "-D", str(self.etc)]
            # As the unit's drop-in has it: a home that the server may look into.
            environment = {**os.environ, "HOME": str(self.root)}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, **_as_postgres())
        for _ in range(300):
            if self.ready():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL did not start: {(self.root / 'log').read_text()[-3000:]}")

    def ready(self) -> bool:
        return subprocess.run(["pg_isready", "-q", "-h", self.root, "-p", str(self.port)], check=False).returncode == 0

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT is a fast shutdown; SIGKILL takes every process of it, as a power cut would."""
        if self.process is None:
            return
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.send_signal(how)
        if how == signal.SIGKILL:
            for child in children:
                try:
                    os.kill(int(child), how)
                except ProcessLookupError:
                    continue
        self.process.wait(timeout=60)
        self.process = None

    def sql(self, statement: str, database: str = "postgres", then: str = "") -> str:
        """Run SQL as the server's owner over the socket; `then` in the same session, in a transaction of its own."""
        words = ["-h", str(self.root), "-p", str(self.port), "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1"]
        return self._run("psql", *words, "-c", statement, *(["-c", then] if then else [])).strip()

    def as_the_role_does(self) -> None:
        """Have the database, its roles and slots: the statements that community.postgresql's modules come to."""
        # As the task's environment has it: no standby is there yet that could be waited for.
        local = "SET synchronous_commit = local;"
        user, replication = SECRETS["postgresql_password"], SECRETS["postgresql_replication_password"]
        self.sql(f"{local} CREATE ROLE cift LOGIN PASSWORD '{user}'")
        self.sql(f"{local} CREATE ROLE cift_replication LOGIN REPLICATION PASSWORD '{replication}'")
        self.sql(local, then="CREATE DATABASE cift OWNER cift TEMPLATE template0")
        for slot in self.value("__postgresql_slots"):
            self.sql(f"SELECT pg_create_physical_replication_slot('{slot}', true)")

    def value(self, expression: str) -> Any:
        return self.site.value("postgresql", self.host, expression, **self.variables)

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [_program(program), *words], capture_output=True, text=True, check=False, timeout=60, **_as_postgres()
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")
        return done.stdout


def own_folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return own(path, 0o700 if path.name != "bin" else 0o755)


def wait_for(what: Any, seconds: float = 30) -> None:
    """Return when `what()` is true; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
