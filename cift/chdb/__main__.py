"""`python -m cift.chdb`: check what was asked for, open the folder, serve until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from cift.chdb.app import Limits, Service
from cift.chdb.engine import Engine, FolderError
from cift.chdb.notify import alive, notify, sign_every_s
from cift.chdb.users import UsersError, load_users

_DEFAULT_CONFIG = Path(__file__).parent / "defaults" / "config.xml"
_EPILOG = """\
the file of users:
  {"cift": {"password_sha256_hex": "<64 hex digits>", "readonly": false}}
  A hash is made by: printf %s "$PASSWORD" | sha256sum
  Instead of one there may be a list of them, while the password is being changed.
  SIGHUP has the file read again; statements go on.

try it:
  python -m cift.chdb --path /var/lib/chdb --users users.json &
  curl -u cift http://127.0.0.1:8123/ -d 'SELECT version()'

SIGTERM lets running statements finish, then closes the folder. One process owns a folder at a time.
Exit status: 0 after SIGTERM, 2 when something asked for can't be had (the reason is one line on stderr).
"""


class _Server(uvicorn.Server):
    """Tells systemd when it answers and when it stops; reads its users again on SIGHUP."""

    def __init__(self, config: uvicorn.Config, service: Service, users: Path) -> None:
        super().__init__(config)
        self._service, self._users = service, users

    def _read_users(self) -> None:
        try:
            self._service.users = load_users(self._users)
        except UsersError as error:
            _fail(f"{error}; those of before may sign in still")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._read_users)
        notify("READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        await super().shutdown(sockets)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m cift.chdb",
        description="Serve ClickHouse's engine (chDB) over ClickHouse's HTTP interface.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    limits = Limits()
    add = parser.add_argument
    add("--path", type=Path, required=True, metavar="DIR", help="data folder, made with mode 0700 when missing")
    add("--users", type=Path, required=True, metavar="FILE", help="JSON file of users, see below")
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=int, default=8123, help="port to listen on (%(default)s)")
    add("--config-file", type=Path, default=_DEFAULT_CONFIG, metavar="XML", help="the engine's own configuration; "
        "the default grants no statement access to files or other hosts")  # fmt: skip
    add("--max-body-bytes", type=int, default=limits.body, metavar="N", help="largest request body (%(default)s)")
    add("--concurrency", type=int, default=limits.concurrency, metavar="N", help="statements at once (%(default)s)")
    add("--stop-timeout", type=int, default=60, metavar="S", help="seconds to finish after SIGTERM (%(default)s)")
    arguments = parser.parse_args()
    for name in ("max_body_bytes", "concurrency", "stop_timeout"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')}: expected a positive number, found {getattr(arguments, name)}")
    if not arguments.config_file.is_file():
        parser.error(f"--config-file: {arguments.config_file} is no file")
    return arguments


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number).lower() if number > 0 else str(error)
        raise SystemExit(_fail(f"{host}:{port}: can't listen there: {reason}; name another --host or --port")) from None


def _fail(sentence: str) -> int:
    print(f"cift.chdb: {sentence}", file=sys.stderr)
    return 2


def main() -> int:
    """Run the service and return its exit status."""
    arguments = _arguments()
    try:
        users = load_users(arguments.users)
        listener = _listen(arguments.host, arguments.port)
        engine = Engine(arguments.path.resolve(), arguments.config_file.resolve())
    except (UsersError, FolderError) as error:
        return _fail(str(error))
    # uvicorn repeats the signal that stopped it when it is done: by then it is only noted.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)
    limits = Limits(body=arguments.max_body_bytes, concurrency=arguments.concurrency)
    service = Service(engine, users, limits)
    config = uvicorn.Config(
        service.application(),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=arguments.stop_timeout,
        callback_notify=alive if sign_every_s() else None,
        timeout_notify=sign_every_s(),
    )
    try:
        _Server(config, service, arguments.users).run(sockets=[listener])
    finally:
        engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
