#!/usr/bin/python
"""Make a streaming standby of a primary, and never over data that is a cluster's own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_standby
short_description: Makes a streaming standby by pg_basebackup, once, and never over a cluster with data of its own
description:
  - Without C(conninfo) the host is a primary; then the module only refuses a cluster that is a standby.
  - The copy is made beside the cluster and takes its place when it is whole. The cluster must be stopped by then.
  - In check mode it only says whether a copy is needed, with all refusals.
options:
  data: {description: The cluster's data directory., type: path, required: true}
  programs: {description: The folder of the server's programs., type: path, required: true}
  conninfo: {description: How to reach the primary; empty on the primary itself., type: str, default: ""}
  slot: {description: The replication slot that the primary has for this host., type: str, default: ""}
  run_as: {description: The user that owns the cluster; empty means the present one., type: str, default: ""}
  least:
    description: Settings of this host (max_connections, ...) that must be at least the primary's.
    type: dict
    default: {}
  rebuild:
    description: Put a cluster that is in the way aside (renamed, never deleted) and copy the primary anew.
    type: bool
    default: false
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Make the standby
  postgresql_standby:
    data: /var/lib/postgresql/15/main
    programs: /usr/lib/postgresql/15/bin
    conninfo: host=192.0.2.1 user=cift_replication passfile=/etc/postgresql/15/main/cift_replication.pgpass
    slot: cift_2
    run_as: postgres
"""

RETURN = r"""
needed: {description: Whether a copy was, or in check mode is, needed., type: bool, returned: success}
state: {description: What was found (absent, fresh, used, standby)., type: str, returned: success}
aside: {description: Where a cluster that was in the way is now; empty for none., type: str, returned: changed}
"""

import os  # noqa: E402
import re  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

# Numbers below are the server's own (FirstNormalObjectId in access/transam.h); what anybody makes gets one from here.
FIRST_OF_USERS = 16384
# What pg_controldata calls the primary's settings that a standby must not stay below.
CONTROL = {
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
}


class StandbyError(RuntimeError):
    """What was found, what was expected, and what to do."""


def state_of(data: Path) -> str:
    """Return `absent`, `fresh` (as initdb left it), `standby`, or `used`: anything that could be somebody's data."""
    if not data.is_dir() or not any(data.iterdir()):
        return "absent"
    if (data / "standby.signal").exists():
        return "standby"
    try:
        names = [entry.name for folder in (data / "base").iterdir() for entry in (folder, *folder.iterdir())]
        names += [entry.name for entry in (data / "pg_tblspc").iterdir()]
    except OSError:
        return "used"
    numbers = [int(found[0]) for name in names if (found := re.match(r"\d+", name))]
    return "fresh" if numbers and max(numbers) < FIRST_OF_USERS else "used"


def refuse(data: Path, state: str, conninfo: str, rebuild: bool) -> None:
    """Raise StandbyError where the cluster isn't what the inventory says."""
    if not conninfo and state == "standby":
        raise StandbyError(
            f"{data}: found a standby, expected a primary, because postgresql_primary_host is empty; name its primary "
            "there, or promote it by playbooks/promote.yml"
        )
    if conninfo and state == "used" and not rebuild:
        raise StandbyError(
            f"{data}: found a primary with data of its own, expected a standby, a fresh cluster or nothing, because "
            "postgresql_primary_host is set; if this host was promoted, empty it; if it is a former primary whose data "
            "the new one has, give -e postgresql_standby_rebuild=true once, which puts the data aside and copies anew"
        )


def running(data: Path) -> bool:
    """Say whether a server has the directory open."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return False
    return True


def _run(argv: list[str], run_as: str) -> str:
    command = ["runuser", f"--user={run_as}", "--", *argv] if run_as and os.geteuid() == 0 else argv
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", check=False)
    if done.returncode != 0:
        raise StandbyError(f"{Path(argv[0]).name}: {' '.join(done.stderr.split()) or f'status {done.returncode}'}")
    return done.stdout


def too_small(control: str, least: dict[str, Any]) -> list[str]:
    """Return a sentence for each setting of `least` that is below the primary's, as pg_controldata prints them."""
    found = dict(line.split(":", 1) for line in control.splitlines() if ":" in line)
    primary = {name: int(found[label]) for name, label in CONTROL.items() if label in found}
    return [
        f"postgresql_{name}: found {least[name]}, expected at least {there}, as the primary has it; correct either"
        for name, there in primary.items()
        if name in least and int(least[name]) < there
    ]


def make(parameters: dict[str, Any], state: str) -> str:
    """Copy the primary and put the copy in place; returns where a cluster with data was put."""
    data, run_as = Path(parameters["data"]), parameters["run_as"]
    if running(data):
        raise StandbyError(f"{data}: found a running server, expected a stopped one; stop it")
    new, old = data.with_name(data.name + ".cift-new"), data.with_name(data.name + ".cift-old")
    # Left by a run that was killed: both are this module's own, and neither was ever the cluster.
    for left in (new, old):
        if left.exists():
            shutil.rmtree(left)
    programs = Path(parameters["programs"])
    backup = [str(programs / "pg_basebackup"), "--dbname", parameters["conninfo"], "--pgdata", str(new)]
    backup += ["--slot", parameters["slot"], "--wal-method=stream", "--checkpoint=fast", "--no-password"]
    try:
        _run(backup, run_as)
        small = too_small(_run([str(programs / "pg_controldata"), str(new)], run_as), parameters["least"])
        if small:
            raise StandbyError("\n".join(small))
        _run(["touch", str(new / "standby.signal")], run_as)
    except StandbyError:
        shutil.rmtree(new, ignore_errors=True)
        raise
    aside = ""
    if data.exists():
        keep = data.with_name(f"{data.name}.before-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
        data.rename(keep if state in ("used", "standby") else old)
        aside = str(keep) if state in ("used", "standby") else ""
    new.rename(data)
    os.sync()
    shutil.rmtree(old, ignore_errors=True)
    return aside


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "data": {"type": "path", "required": True},
            "programs": {"type": "path", "required": True},
            "conninfo": {"type": "str", "default": ""},
            "slot": {"type": "str", "default": ""},
            "run_as": {"type": "str", "default": ""},
            "least": {"type": "dict", "default": {}},
            "rebuild": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    state = state_of(Path(parameters["data"]))
    needed = bool(parameters["conninfo"]) and (state != "standby" or parameters["rebuild"])
    try:
        refuse(Path(parameters["data"]), state, parameters["conninfo"], parameters["rebuild"])
        aside = make(parameters, state) if needed and not module.check_mode else ""
    except StandbyError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=needed, needed=needed, state=state, aside=aside)


if __name__ == "__main__":
    main()
