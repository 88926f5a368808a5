#!/usr/bin/python3 -B
"""Look after this host's NATS server: is it whole, restart it without a gap, load its configuration, its metrics.

    cift-nats whole --servers 3       cift-nats wait --servers 3
    cift-nats restart [--strict]      cift-nats load --configuration FILE      cift-nats loaded --configuration FILE
    cift-nats metrics --file FILE      cift-nats mend --store FOLDER --free 64

All that it knows comes from the server's monitoring pages on loopback (/varz, /jsz, /healthz), which need no password.
Leaders are sent away by the server's own lame duck mode: it hands every stream and the cluster's own leadership to
another server, stops its copies in good order, and takes no new client; clients stay until it ends.
Whole means: the server is healthy by its own account (its copies are up to date), it sees all servers of its cluster,
and of every stream that it leads every copy is up to date. When all servers say so, the cluster is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cift_nats_metrics  # beside this program

Page = dict[str, Any]
LOOK_S = 0.1
LEAVE_S = 15.0
LOAD_S = 5.0
SETTLE_S = 30.0
LASTS_S = 30.0


class AwayError(Exception):
    """The server doesn't answer."""


class NotWholeError(Exception):
    """What was to be whole is not; the message is one sentence for the operator."""


class Pages:
    """The server's monitoring pages; `address` is such as http://127.0.0.1:8222."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Page:
        """Return a page.

        Raises:
            AwayError: nobody answers, or not in JSON.
        """
        try:
            with self._opener.open(f"{self.address}/{path}", timeout=5) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:  # an unhealthy server answers 503, with the reason
            body = error.read()
        except OSError as error:
            raise AwayError(f"{self.address}: no answer ({getattr(error, 'reason', error)})") from None
        try:
            return dict(json.loads(body))
        except ValueError:
            raise AwayError(f"{self.address}/{path}: no JSON") from None

    def jetstream(self) -> Page:
        """Return what JetStream has, stream by stream."""
        return self.get("jsz?accounts=true&streams=true&config=true")


class Control(Protocol):
    """What is done to the server's process."""

    def active(self) -> bool:
        """Return whether it runs."""

    def restart(self) -> None:
        """Stop it if it runs, and start it."""

    def reload(self) -> None:
        """Tell it to read its configuration and certificates again."""

    def leave(self) -> None:
        """Tell it to send its leaders away."""


class Systemd:
    """The server as a unit of systemd."""

    def __init__(self, unit: str, *, daemon_reload: bool) -> None:
        self._unit, self._daemon_reload = unit, daemon_reload

    def active(self) -> bool:
        """Return whether it runs; a unit that failed and is about to be started again doesn't."""
        return subprocess.run(["systemctl", "is-active", "--quiet", self._unit], check=False).returncode == 0

    def restart(self) -> None:
        """Stop it if it runs, and start it, by the unit as it is on disk now."""
        if self._daemon_reload:
            subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "restart", self._unit], check=True)

    def reload(self) -> None:
        """Send SIGHUP."""
        subprocess.run(["systemctl", "reload", self._unit], check=True)

    def leave(self) -> None:
        """Send SIGUSR2, which begins the lame duck mode."""
        subprocess.run(["systemctl", "kill", "--kill-whom=main", "--signal=SIGUSR2", self._unit], check=True)


class Stream(NamedTuple):
    """A stream as this server sees it: `wanted` copies, of which `replicas` are the others, known to their leader."""

    account: str
    name: str
    state: Page
    wanted: int
    leader: str
    replicas: list[Page]


def streams(jetstream: Page) -> Iterator[Stream]:
    """Return all streams with a copy on this server."""
    for account in jetstream.get("account_details") or []:
        for one in account.get("stream_detail") or []:
            cluster = one.get("cluster") or {}
            yield Stream(
                account["name"], one["name"], one.get("state") or {},
                (one.get("config") or {}).get("num_replicas", 1), cluster.get("leader", ""),
                cluster.get("replicas") or [],
            )  # fmt: skip


def problem(pages: Pages, servers: int) -> str:
    """Return why the server isn't whole in a cluster of `servers`, one sentence; nothing when it is."""
    try:
        health = pages.get("healthz")
        if health.get("status") != "ok":
            return str(health.get("error") or health)
        me, jetstream = pages.get("varz")["server_name"], pages.jetstream()
    except AwayError as error:
        return str(error)
    if servers > 1:
        meta = jetstream.get("meta_cluster") or {}
        if meta.get("cluster_size") != servers:
            return f"the cluster has {meta.get('cluster_size', 1)} servers, expected {servers}"
        if not meta.get("leader"):
            return "the cluster has no leader"
        for peer in meta.get("replicas") or [] if meta["leader"] == me else []:  # a follower doesn't know
            if peer.get("offline") or not peer.get("current"):
                return f"server {peer['name']} is {'away' if peer.get('offline') else 'behind'}"
    for stream in streams(jetstream):
        if servers > 1 and not stream.leader:
            return f"stream {stream.name} has no leader"
        if stream.leader != me:
            continue
        if len(stream.replicas) + 1 != stream.wanted:
            return f"stream {stream.name} has {len(stream.replicas) + 1} copies, expected {stream.wanted}"
        for copy in stream.replicas:
            if copy.get("offline") or not copy.get("current"):
                return f"the copy of stream {stream.name} on {copy['name']} is {copy.get('lag', 0)} messages behind"
    return ""


def leads(pages: Pages) -> list[str]:
    """Return what this server leads that another one could: streams with copies, and the cluster itself."""
    try:
        me, jetstream = pages.get("varz")["server_name"], pages.jetstream()
    except AwayError:
        return []
    meta = jetstream.get("meta_cluster") or {}
    found = ["the cluster"] if meta.get("leader") == me and meta.get("cluster_size", 1) > 1 else []
    return found + [one.name for one in streams(jetstream) if one.leader == me and one.replicas]


def until(look: Callable[[], Any], timeout_s: float) -> Any:
    """Look again and again until there is nothing more to see; return what was seen last."""
    deadline = time.monotonic() + timeout_s
    while (seen := look()) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return seen


def restart(pages: Pages, control: Control, timeout_s: float, *, strict: bool) -> None:
    """Restart the server; one of a cluster sends its leaders away first, and is whole again afterwards.

    With `strict` a cluster that isn't whole is left alone; without, it is waited for a moment, for what is wrong may be
    what the restart mends.

    Raises:
        NotWholeError: with `strict`, before the restart; always, when it isn't whole in time afterwards.
    """
    if not control.active():
        control.restart()
        return
    before, servers = "", 1
    try:
        before = pages.get("varz")["start"]
        servers = (pages.jetstream().get("meta_cluster") or {}).get("cluster_size", 1)
    except AwayError as error:
        if strict:
            raise NotWholeError(f"not restarted: {error}") from None
    if servers > 1:
        lack = until(lambda: problem(pages, servers), timeout_s if strict else LOAD_S)
        if lack and strict:
            raise NotWholeError(f"not restarted: {lack}, expected a whole cluster; mend that first")
        control.leave()
        until(lambda: leads(pages), LEAVE_S)
    control.restart()

    def lacks() -> str:
        try:
            if pages.get("varz")["start"] == before:
                return "the old process still answers"
        except AwayError as error:
            return str(error)
        return problem(pages, servers) if servers > 1 else ""

    if lack := until(lacks, timeout_s):
        raise NotWholeError(f"restarted, and not whole after {timeout_s:g} s: {lack}; journalctl -u nats says why")


def digest(binary: str, configuration: str) -> str:
    """Return the server's own checksum of a configuration.

    Raises:
        NotWholeError: the server can't read it.
    """
    done = subprocess.run([binary, "-t", "-c", configuration], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    if done.returncode != 0 or "(sha256:" not in said:
        raise NotWholeError(f"{configuration}: {said or 'the server says nothing'}")
    return "sha256:" + said.rpartition("(sha256:")[2].rstrip(")")


def load(pages: Pages, control: Control, wanted: str, timeout_s: float) -> bool:
    """Have the server load its configuration and certificates; return whether it took a restart.

    Raises:
        NotWholeError: it isn't whole after a restart.
    """
    if not control.active():
        control.restart()
        return True
    try:
        before = pages.get("varz")["config_load_time"]
        control.reload()

        def old() -> bool:
            now = pages.get("varz")
            return now["config_load_time"] == before or now.get("config_digest") != wanted

        if not until(old, LOAD_S):
            return False
    except AwayError:
        pass
    restart(pages, control, timeout_s, strict=False)
    return True


def stuck(pages: Pages) -> str:
    """Return why the server will write no more until it is restarted, whatever its disk has by then; mostly nothing.

    A disk that is full stops the copies that were being written for good, or JetStream altogether (nats-server 2.15).
    """
    if pages.jetstream().get("disabled"):
        return "JetStream is off"
    error = str(pages.get("healthz").get("error") or "")
    return error if "write error" in error or "no space left" in error else ""


def mend(pages: Pages, control: Control, store: Path, free_mib: int, timeout_s: float) -> str:
    """Restart a server that a full disk stopped, once there is space again; return what was found, mostly nothing.

    A server that stopped soon after its start is left alone for a while: what is wrong with it is something else.

    Raises:
        NotWholeError: restarted, and it isn't whole in time.
    """
    try:
        why, start = stuck(pages), pages.get("varz")["start"]
    except AwayError:
        return ""  # systemd starts what has ended
    free = shutil.disk_usage(store).free >> 20
    if not why:
        return ""
    if free < free_mib:
        return f"{why}; {store} has {free} MiB free, expected {free_mib}: make room, and the server is restarted"
    if (datetime.now(UTC) - datetime.fromisoformat(start)).total_seconds() < SETTLE_S:
        return f"{why}; the server was started a moment ago, it is given {SETTLE_S:g} s"
    # A server that somebody restarts right now has sent its leaders away, and says the same of itself.
    if not lasts(pages, start):
        return ""
    restart(pages, control, timeout_s, strict=False)
    return f"{why}; {store} has {free} MiB free again: restarted, and whole"


def lasts(pages: Pages, start: str) -> bool:
    """Return whether the server that was started then is still stuck after longer than a restart takes to get there."""

    def still() -> bool:
        try:
            return bool(stuck(pages)) and pages.get("varz")["start"] == start
        except AwayError:
            return False

    return bool(until(still, LASTS_S))


def metrics(pages: Pages) -> str:
    """Return the server's figures in Prometheus's text format; of a server that is away that it is away."""
    try:
        server, jetstream, health = pages.get("varz"), pages.jetstream(), pages.get("healthz")
    except AwayError:
        return cift_nats_metrics.away()
    return cift_nats_metrics.text(server, jetstream, health, list(streams(jetstream)))


def write(path: Path, text: str) -> None:
    """Replace a file as a whole: its reader never sees half of one."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(draft).chmod(0o644)
    Path(draft).replace(path)


def parse(words: list[str]) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="cift-nats", description="Look after this host's NATS server.")
    parser.add_argument("--pages", default="http://127.0.0.1:8222", help="the monitoring pages (%(default)s)")
    parser.add_argument("--unit", default="nats.service")
    parser.add_argument("--binary", default="nats-server")
    parser.add_argument("--timeout", type=float, default=120, help="seconds (%(default)s)")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("whole", "wait"):
        verbs.add_parser(name).add_argument("--servers", type=int, default=1)
    again = verbs.add_parser("restart")
    again.add_argument("--strict", action="store_true")
    again.add_argument("--daemon-reload", action="store_true")
    for name in ("load", "loaded"):
        verbs.add_parser(name).add_argument("--configuration", required=True)
    verbs.add_parser("metrics").add_argument("--file", type=Path, required=True)
    healer = verbs.add_parser("mend", help="restart a server that a full disk stopped, once there is space again")
    healer.add_argument("--store", type=Path, required=True, help="the folder of its streams")
    healer.add_argument("--free", type=int, default=64, metavar="MIB", help="the space that it needs (%(default)s)")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Do one verb; 0, or 1 with a sentence on standard error."""
    options = parse(words)
    pages, lack = Pages(options.pages), ""
    control = Systemd(options.unit, daemon_reload=getattr(options, "daemon_reload", False))
    try:
        if options.verb == "metrics":
            write(options.file, metrics(pages))
        elif options.verb == "restart":
            restart(pages, control, options.timeout, strict=options.strict)
        elif options.verb == "mend":
            if found := mend(pages, control, options.store, options.free, options.timeout):
                print(found)
        elif options.verb == "load":
            load(pages, control, digest(options.binary, options.configuration), options.timeout)
        elif options.verb == "loaded":
            wanted, found = digest(options.binary, options.configuration), pages.get("varz").get("config_digest")
            lack = "" if found == wanted else f"runs with {found}, {options.configuration} is {wanted}"
        else:
            lack = until(lambda: problem(pages, options.servers), 0 if options.verb == "whole" else options.timeout)
    except (AwayError, NotWholeError, OSError, subprocess.CalledProcessError) as error:
        lack = str(error)
    if lack:
        print(f"cift-nats {options.verb}: {lack}", file=sys.stderr)
    return int(bool(lack))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
