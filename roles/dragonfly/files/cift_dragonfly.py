#!/usr/bin/python3
"""Ask the running Dragonfly what it does, without a password.

    cift-dragonfly wait --seconds 60 --host H --port P [--ca FILE [--certificate FILE --key FILE]]
    cift-dragonfly verify --threads 4 --cpus 2,3,4,5 --host H --port P ...

`wait` ends with status 0 as soon as the server answers, and with 1 and a sentence when it doesn't in time. `verify`
prints rows as JSON. Whether it uses io_uring and where its threads may run is the kernel's word: the server only logs
it, and INFO wants a user.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

UNIT = "dragonfly.service"
TIMEOUT_S = 5.0
SOURCE = "https://www.dragonflydb.io/docs/managing-dragonfly/"


def ping(arguments: argparse.Namespace) -> str:
    """Return the first line of the answer to PING from a client that hasn't signed in; raises OSError for none."""
    with socket.create_connection((arguments.host, arguments.port), TIMEOUT_S) as plain:
        if not arguments.ca:
            return talk(plain)
        context = ssl.create_default_context(cafile=arguments.ca)
        if arguments.certificate:
            context.load_cert_chain(arguments.certificate, arguments.key)
        with context.wrap_socket(plain, server_hostname=arguments.host) as secret:
            return talk(secret)


def talk(connection: socket.socket) -> str:
    """Send PING, and return the answer's first line."""
    connection.sendall(b"*1\r\n$4\r\nPING\r\n")
    answer = b""
    while b"\n" not in answer and (part := connection.recv(4096)):
        answer += part
    if not answer:
        raise ConnectionError("the server closed the connection without an answer")
    return answer.split(b"\r\n", 1)[0].decode("utf-8", "replace")


def wait(arguments: argparse.Namespace) -> str:
    """Return an empty text when the server answers in time, or the sentence that says why not."""
    end = time.monotonic() + arguments.seconds
    while True:
        try:
            ping(arguments)
        except OSError as error:
            if time.monotonic() > end:
                return (
                    f"{arguments.host}:{arguments.port}: found {error}, expected an answer within {arguments.seconds} "
                    f"s; see journalctl -u {UNIT}"
                )
            time.sleep(0.2)
        else:
            return ""


def parse_list(text: str) -> set[int]:
    """Return the CPUs of a list such as `0-3,8`."""
    runs = [run.split("-") for run in text.strip().split(",") if run]
    return {cpu for run in runs for cpu in range(int(run[0]), int(run[-1]) + 1)}


def row(setting: str, wanted: str, live: str, verdict: str, why: str, page: str) -> dict[str, Any]:
    """Return a row of the verify report."""
    found = {"setting": setting, "wanted": wanted, "persistent": None, "live": live}
    return found | {"verdict": verdict, "why": why, "source": SOURCE + page}


def row_of_sign_in(arguments: argparse.Namespace) -> dict[str, Any]:
    """Whether a client that has no user gets nothing done."""
    try:
        live = ping(arguments)
    except OSError as error:
        live = str(error)
    verdict = "pass" if live.startswith("-NOAUTH") else "fail"
    return row("clients must sign in", "NOAUTH", live, verdict, "the user `default` is off", "acl")


def row_of_rings(process: Path) -> dict[str, Any]:
    """Whether the process holds rings of io_uring; epoll is slower and no failure."""
    links = [str(link.readlink()) for link in (process / "fd").iterdir() if link.is_symlink()]
    rings = sum(link == "anon_inode:[io_uring]" for link in links)
    if rings:
        why = "each system call saved is a microsecond"
        return row("io_uring is in use", "io_uring", f"io_uring, {rings} rings", "pass", why, "flags")
    why = f"it serves by epoll, which costs more system calls: {reason()}"
    return row("io_uring is in use", "io_uring", "epoll", "skip", why, "flags")


def reason() -> str:
    """Return what the server's log says about epoll."""
    command = ["journalctl", f"--unit={UNIT}", "--boot", "--grep=epoll", "--lines=1", "--output=cat", "--quiet"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the journal can't be read ({error})"
    return done.stdout.strip() or "the journal doesn't say why; look at kernel.io_uring_disabled"


def row_of_threads(process: Path, threads: int, cpus: set[int]) -> dict[str, Any]:
    """How many threads serve, and where the kernel lets them run."""
    allowed = []
    for task in (process / "task").iterdir():
        if (task / "comm").read_text().startswith("Proactor"):
            lines = (task / "status").read_text().splitlines()
            allowed.append(next(line.split()[1] for line in lines if line.startswith("Cpus_allowed_list")))
    places = {cpu for text in allowed for cpu in parse_list(text)}
    wanted = f"{threads} threads on CPUs {' '.join(map(str, sorted(cpus))) or 'of the unit'}"
    live = f"{len(allowed)} threads on CPUs {' '.join(map(str, sorted(places))) or 'none'}"
    good = len(allowed) == threads and (not cpus or places <= cpus)
    why = "each thread owns a part of the keys, and nobody else runs on its CPU"
    return row("threads on the plan's CPUs", wanted, live, "pass" if good else "fail", why, "flags")


def verify(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return every row."""
    command = ["systemctl", "show", "--property=MainPID", "--value", UNIT]
    pid = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    rows = [row_of_sign_in(arguments)]
    if pid == "0":
        return [*rows, row("the server's process", "running", "not running", "fail", "nothing can be read", "flags")]
    process = Path("/proc", pid)
    return [*rows, row_of_rings(process), row_of_threads(process, arguments.threads, parse_list(arguments.cpus))]


def parse(argv: list[str]) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["wait", "verify"])
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--ca", default="")
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--seconds", default=60.0, type=float)
    parser.add_argument("--threads", default=0, type=int)
    parser.add_argument("--cpus", default="")
    return parser.parse_args(argv)


def main() -> None:
    """Run the program."""
    arguments = parse(sys.argv[1:])
    if arguments.verb == "wait":
        sys.exit(wait(arguments) or 0)
    print(json.dumps(verify(arguments)))


if __name__ == "__main__":
    main()
