#!/usr/bin/python3
"""Load the host's firewall, with a way back for rules that shut the operator out, or read back what the kernel has.

    cift-firewall able        may this host load rules at all?
    cift-firewall try 60      load the wanted rules, and take them back after 60 s unless `confirm` comes first
    cift-firewall confirm     keep them, now and for every boot
    cift-firewall start       load the kept rules (at boot)
    cift-firewall stop        take the table away
    cift-firewall verify      rows for the report, as JSON
    cift-firewall state       one word: kept (nothing to do), wanted (other rules are wanted), or unable

Wanted are the rules in /etc/cift/firewall.nft; kept ones, in /etc/nftables.d/60-cift.nft, were wanted and let their
operator back in: a host that loses power during a trial boots with those. Everything is in one table of its own,
`inet cift`, loaded in one transaction; no other table is looked at.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TABLE = ("table", "inet", "cift")
WANTED, KEPT = "etc/cift/firewall.nft", "etc/nftables.d/60-cift.nft"
# What was loaded last: the file's hash, and the table as the kernel showed it then. Gone after a boot, like the rules.
LOADED, TRIAL, BEFORE = "run/cift-firewall/loaded.json", "run/cift-firewall/trial", "run/cift-firewall/before.nft"


def nft(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run nft."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
    return subprocess.run(["nft", *words], input=text, capture_output=True, text=True, env=environment, check=False)


def unable() -> str:
    """Return why this host can't load rules; empty when it can."""
    try:
        done = nft("-c", "-f", "-", text="table inet cift_probe { chain c { type filter hook input priority 0; }; }\n")
    except FileNotFoundError:
        return "nft is not installed"
    return "" if done.returncode == 0 else " ".join(done.stderr.split())[:200] or "nft gave no reason"


def table() -> str:
    """Return the table as the kernel has it, without its counters' figures; empty when there is none."""
    done = nft("--stateless", "list", *TABLE)
    return done.stdout if done.returncode == 0 else ""


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def load(root: Path, name: str) -> None:
    """Load a file of rules in one transaction and note what came of it; the old rules stay when it is refused."""
    done = nft("-f", str(root / name))
    if done.returncode != 0:
        sys.exit(f"cift-firewall: {root / name}: nft refused it: {' '.join(done.stderr.split())}")
    (root / LOADED).parent.mkdir(parents=True, exist_ok=True)
    (root / LOADED).write_text(json.dumps({"sha256": _hash(root / name), "table": table()}))


def state(root: Path) -> str:
    """Return `unable`, `kept` when the wanted rules are kept and live, else `wanted`."""
    if unable():
        return "unable"
    loaded = json.loads((root / LOADED).read_text()) if (root / LOADED).exists() else {}
    wanted = _hash(root / WANTED)
    same = wanted == _hash(root / KEPT) == loaded.get("sha256") and loaded.get("table") == table()
    return "kept" if same and wanted and not (root / TRIAL).exists() else "wanted"


def attempt(root: Path, seconds: float) -> None:
    """Load the wanted rules, and leave a process behind that takes them back unless they are confirmed in time."""
    checked = nft("-c", "-f", str(root / WANTED))
    if checked.returncode != 0:
        sys.exit(f"cift-firewall: {root / WANTED}: nft refuses it: {' '.join(checked.stderr.split())}")
    before = nft("list", *TABLE)
    folder = (root / TRIAL).parent
    folder.mkdir(parents=True, exist_ok=True)
    if not (root / TRIAL).exists():
        (root / BEFORE).write_text(before.stdout if before.returncode == 0 else "")
    token = f"{os.getpid()} {time.time_ns()}"
    (root / TRIAL).write_text(token)
    # The way back is there before the rules are. It must outlive ssh: a session of its own, and none of its pipes.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            time.sleep(seconds)
            if (root / TRIAL).exists() and (root / TRIAL).read_text() == token:
                back(root)
        os._exit(0)
    os.wait()
    load(root, WANTED)


def back(root: Path) -> None:
    """Give the host the rules that it had before the trial, or none if it had none."""
    before = (root / BEFORE).read_text() if (root / BEFORE).exists() else ""
    nft("-f", "-", text="table inet cift\ndelete table inet cift\n" + before)
    for name in (TRIAL, BEFORE, LOADED):
        (root / name).unlink(missing_ok=True)
    if before and (root / KEPT).exists():
        (root / LOADED).write_text(json.dumps({"sha256": _hash(root / KEPT), "table": table()}))


def confirm(root: Path) -> None:
    """Keep the rules on trial."""
    try:
        (root / TRIAL).unlink()
    except FileNotFoundError:
        sys.exit(
            "cift-firewall confirm: found no rules on trial, expected some; they were taken back: look at "
            "firewall_ssh_networks and at how long the host takes to reconnect (firewall_trial)"
        )
    (root / BEFORE).unlink(missing_ok=True)
    kept = root / KEPT
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    part.write_bytes((root / WANTED).read_bytes())
    part.chmod(0o644)
    part.replace(kept)


def verify(root: Path) -> list[dict[str, Any]]:
    """Return the rows of the report."""
    if why := unable():
        return [_row("rules", "loaded", None, "skip", f"this host may not load rules: {why}")]
    loaded = json.loads((root / LOADED).read_text()) if (root / LOADED).exists() else {}
    live, kept = table(), _hash(root / KEPT)
    wanted = _hash(root / WANTED)
    rows = [_row("kept rules", wanted[:12], kept[:12] or "none", "pass" if kept == wanted else "fail")]
    same = bool(live) and loaded.get("table") == live and loaded.get("sha256") == kept
    found = "as they were loaded" if same else "changed since they were loaded" if live else "none"
    rows.append(_row("live rules", "as they were loaded", found, "pass" if same else "fail"))
    drop = "hook input" in live and "policy drop" in live
    rows.append(_row("policy of input", "drop", "drop" if drop else "accept", "pass" if drop else "fail"))
    unit = subprocess.run(
        ["systemctl", "is-enabled", "cift-firewall.service"], capture_output=True, text=True, check=False
    )
    enabled = unit.stdout.strip() or "unknown"
    return [*rows, _row("cift-firewall.service", "enabled", enabled, "pass" if enabled == "enabled" else "fail")]


def _row(setting: str, wanted: str, live: str | None, verdict: str, why: str = "") -> dict[str, Any]:
    row = {"area": "firewall", "setting": setting, "wanted": wanted, "persistent": None, "live": live}
    return {**row, "verdict": verdict, "why": why or "what no rule opens is shut", "source": "man nft"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["able", "try", "confirm", "start", "stop", "verify", "state"])
    parser.add_argument("seconds", nargs="?", type=float, default=60)
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    root = given.root
    if given.verb == "able":
        why = unable()
        print(why or "able")
        return 1 if why else 0
    if given.verb == "try":
        attempt(root, given.seconds)
    elif given.verb == "confirm":
        confirm(root)
    elif given.verb == "start" and (root / KEPT).exists():
        load(root, KEPT)
    elif given.verb == "stop":
        nft("-f", "-", text="table inet cift\ndelete table inet cift\n")
        (root / LOADED).unlink(missing_ok=True)
    elif given.verb == "verify":
        print(json.dumps(verify(root)))
    elif given.verb == "state":
        print(state(root))
    return 0


if __name__ == "__main__":
    sys.exit(main())
