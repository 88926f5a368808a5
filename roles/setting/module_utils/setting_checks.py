"""Readers for every kind of check: each reads what is there and returns rows; none changes anything."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import ssl
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils.setting_machine import Machine
from ansible.module_utils.setting_rows import Check, Row, missing_texts, row, shorten
from ansible.module_utils.setting_sysctl import normal

# The unit file's name of a limit, and the kernel's in /proc/PID/limits.
LIMITS = {
    "LimitNOFILE": "Max open files",
    "LimitMEMLOCK": "Max locked memory",
    "LimitNPROC": "Max processes",
    "LimitCORE": "Max core file size",
    "LimitRTPRIO": "Max realtime priority",
    "LimitNICE": "Max nice priority",
    "LimitSTACK": "Max stack size",
}
TYPES: dict[str, Callable[[int], bool]] = {"file": stat.S_ISREG, "directory": stat.S_ISDIR, "link": stat.S_ISLNK}


def _run(argv: list[str], timeout: float = 30, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    # The C locale, because texts of programs are compared.
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    words = [str(item) for item in argv]
    return subprocess.run(words, capture_output=True, text=True, timeout=timeout, env=environment, check=False)


def check_file(check: Check) -> list[Row]:
    """A path's type, owner, group, mode, sha256, content or link target; or its absence."""
    path = Path(check["path"])
    if check.get("absent"):
        there = os.path.lexists(path)
        state = "present" if there else "absent"
        return [row(check, str(path), "absent", persistent=state, verdict="fail" if there else "pass")]
    kind = check.get("type", "link" if "target" in check else "file")
    try:
        info = path.lstat() if kind == "link" else path.stat()
    except OSError as error:
        return [row(check, str(path), "present", persistent=error.strerror, verdict="fail")]
    wanted, found, differs = [kind], [], not TYPES[kind](info.st_mode)
    found.append(next((name for name, test in TYPES.items() if test(info.st_mode)), "special"))
    readers: dict[str, Callable[[], str]] = {
        "owner": lambda: pwd.getpwuid(info.st_uid).pw_name,
        "group": lambda: grp.getgrgid(info.st_gid).gr_name,
        "mode": lambda: f"{stat.S_IMODE(info.st_mode):04o}",
        "sha256": lambda: hashlib.sha256(path.read_bytes()).hexdigest(),
        "target": lambda: str(path.readlink()),
    }
    for key, reader in readers.items():
        if key in check:
            try:
                value = reader()
            except (KeyError, OSError) as error:
                value = str(error)
            wanted.append(f"{key}={check[key]}")
            found.append(f"{key}={value}")
            differs |= value != str(check[key])
    if "contains" in check and not differs:
        lacking = missing_texts(check["contains"], path.read_text(encoding="utf-8", errors="replace"))
        wanted.append("content")
        found.append(f"lacks {lacking}" if lacking else "content")
        differs |= bool(lacking)
    verdict = "fail" if differs else "pass"
    return [row(check, str(path), " ".join(wanted), persistent=" ".join(found), verdict=verdict)]


def _unit(unit: str, properties: list[str]) -> dict[str, str]:
    shown = _run(["systemctl", "show", unit, "--property=" + ",".join(properties)])
    return dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)


def check_unit(check: Check) -> list[Row]:
    """A unit active and enabled (both by default), and one row more for each of its wanted properties."""
    unit, properties = check["unit"], check.get("properties", {})
    found = _unit(unit, ["LoadState", "ActiveState", "UnitFileState", "ConditionResult", "Type", *properties])
    wanted = (
        "enabled" if check.get("enabled", True) else "disabled",
        "active" if check.get("active", True) else "inactive",
    )
    state = (found.get("UnitFileState") or found.get("LoadState", "unknown"), found.get("ActiveState", "unknown"))
    # A static or generated unit is started by another one: that counts as enabled.
    enabled = state[0] in (
        {"enabled", "enabled-runtime", "static", "generated", "alias", "indirect"}
        if wanted[0] == "enabled"
        else {"disabled", "masked", "not-found"}
    )
    # A timer may just have started what does one thing and ends.
    at_work = wanted == ("enabled", "inactive") and found.get("Type") == "oneshot" and state[1] == "activating"
    verdict, why = ("pass" if enabled and (state[1] == wanted[1] or at_work) else "fail"), ""
    if enabled and verdict == "fail" and found.get("ConditionResult") == "no" and (kind := Machine().container()):
        verdict, why = "skip", f"container ({kind}): a condition of the unit keeps it from starting here"
    rows = [row(check, unit, " ".join(wanted), persistent=state[0], live=state[1], verdict=verdict, why=why)]
    for name, value in properties.items():
        text = ("yes" if value else "no") if isinstance(value, bool) else normal(value)
        live = found.get(name, "")
        verdict = "pass" if live == text else "fail"
        rows.append(row({**check, "setting": f"{unit} {name}"}, "", text, persistent=live, verdict=verdict))
    return rows


def check_listen(check: Check) -> list[Row]:
    """A TCP port that is listened on, at the wanted address and no other one when `address` is given."""
    port = int(check["port"])
    listing = _run(["ss", "-Hltn", f"sport = :{port}"])
    addresses = sorted({line.split()[3].rsplit(":", 1)[0].strip("[]") for line in listing.stdout.splitlines()})
    wanted = check.get("address")
    good = bool(addresses) if wanted is None else addresses == [wanted]
    live = ", ".join(addresses) or "nobody listens"
    return [row(check, f"port {port}", wanted or "listening", live=live, verdict="pass" if good else "fail")]


def check_http(check: Check) -> list[Row]:
    """An HTTP answer's status, text and headers."""
    context = ssl.create_default_context(cafile=check.get("ca")) if check["url"].startswith("https:") else None
    request = urllib.request.Request(check["url"], headers=check.get("request_headers", {}))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=check.get("timeout", 5), context=context) as answer:  # noqa: S310
            status, headers, body = answer.status, answer.headers, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        status, headers, body = error.code, error.headers, error.read().decode("utf-8", "replace")
    except OSError as error:
        return [row(check, check["url"], "an answer", live=shorten(str(error)), verdict="fail")]
    wanted, problems = [str(check.get("status", 200))], []
    if status != int(check.get("status", 200)):
        problems.append(shorten(body))
    for name, value in check.get("headers", {}).items():
        wanted.append(f"{name}: {value}")
        if headers.get(name) != str(value):
            problems.append(f"{name}: {headers.get(name)}")
    if lacking := missing_texts(check.get("contains", []), body):
        wanted.append(f"text {lacking}")
        problems.append(shorten(body))
    live = " ".join([str(status), *problems])
    return [row(check, check["url"], " ".join(wanted), live=live, verdict="fail" if problems else "pass")]


def check_process_limit(check: Check) -> list[Row]:
    """A resource limit: as the unit says, and as the kernel holds the running process to."""
    unit, limit, wanted = check["unit"], check["limit"], str(check["value"])
    if limit not in LIMITS:
        raise KeyError(f"{limit}: expected one of {', '.join(LIMITS)}")
    found = _unit(unit, ["MainPID", limit])
    stored, pid = found.get(limit, ""), found.get("MainPID", "0")
    if pid == "0":
        return [row(check, f"{unit} {limit}", wanted, persistent=stored, live="not running", verdict="fail")]
    lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    soft = next(line[len(LIMITS[limit]) :].split()[0] for line in lines if line.startswith(LIMITS[limit]))
    live, why = ("infinity" if soft == "unlimited" else soft), ""
    verdict = "pass" if live == wanted == stored else "fail"
    if verdict == "fail" and stored == wanted and (kind := Machine().container()):
        verdict, why = "skip", f"container ({kind}): capped by the machine, which lacks CAP_SYS_RESOURCE"
    return [row(check, f"{unit} {limit}", wanted, persistent=stored, live=live, verdict=verdict, why=why)]


def check_package(check: Check) -> list[Row]:
    """A Debian package installed, its version starting with `version` (an epoch before `:` is not looked at)."""
    asked = _run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", check["name"]])
    state, _, version = asked.stdout.partition(" ")
    wanted = str(check.get("version", ""))
    good = state == "installed" and version.split(":", 1)[-1].startswith(wanted)
    found = version if state == "installed" else state or "not installed"
    return [row(check, check["name"], wanted or "installed", persistent=found, verdict="pass" if good else "fail")]


def check_command(check: Check) -> list[Row]:
    """A command's exit status and output; secrets come from `environment_file`, never from `argv`."""
    environment = {}
    if "environment_file" in check:
        text = Path(check["environment_file"]).read_text(encoding="utf-8")
        pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
        environment = {name: value.strip().strip("\"'") for name, value in pairs}
    try:
        done = _run(check["argv"], timeout=check.get("timeout", 30), env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [row(check, check["argv"][0], "an answer", live=shorten(str(error)), verdict="fail")]
    output, status = done.stdout + done.stderr, int(check.get("rc", 0))
    lacking = missing_texts(check.get("contains", []), output)
    wanted = f"exit {status}" + (f" with {check['contains']}" if "contains" in check else "")
    verdict = "fail" if lacking or done.returncode != status else "pass"
    live = shorten(f"exit {done.returncode} {output}")
    return [row(check, shorten(" ".join(map(str, check["argv"])), 60), wanted, live=live, verdict=verdict)]


def check_filesystem(check: Check) -> list[Row]:
    """The kind of file system that a path lies on is one of `types`."""
    asked = _run(["findmnt", "--noheadings", "--output", "FSTYPE", "--target", check["path"]])
    kind, types = asked.stdout.strip(), check["types"]
    verdict = "pass" if kind in types else "fail"
    return [row(check, f"file system of {check['path']}", " or ".join(types), live=kind or "none", verdict=verdict)]


def check_clock(check: Check) -> list[Row]:
    """How far the clock is off by chrony's own account: it has a source, and the offset is within `limit_us`."""
    name, wanted = "offset of the clock", f"at most {check['limit_us']} us, with a source"
    if kind := Machine().container():
        return [row(check, name, wanted, verdict="skip", why=f"container ({kind}): the clock is the machine's")]
    fields = _tracking()
    if len(fields) >= 14 and fields[13] == "Not synchronised":
        # A host that has just booted: a source needs some answers before it is one. Twelve looks, five seconds apart.
        _run(["chronyc", "waitsync", "12", "0", "0", "5"], timeout=90)
        fields = _tracking()
    if len(fields) < 14:
        return [row(check, name, wanted, live="chronyc gave no answer", verdict="fail")]
    offset, source = abs(float(fields[4])) * 1e6, fields[1] or fields[0]
    good = offset <= float(check["limit_us"]) and fields[13] != "Not synchronised"
    live = f"{offset:.1f} us from {source}, {fields[13]}"
    return [row(check, name, wanted, live=live, verdict="pass" if good else "fail")]


def _tracking() -> list[str]:
    return _run(["chronyc", "-c", "tracking"]).stdout.strip().split(",")


def check_rows(check: Check) -> list[Row]:
    """What a program of ours reads back by itself: it prints rows as JSON."""
    if check.get("skip_in_container") and (kind := Machine().container()):
        why = f"container ({kind}): {check['skip_in_container']}"
        return [row(check, Path(check["argv"][0]).name, "read back", verdict="skip", why=why)]
    done = _run(check["argv"])
    if done.returncode != 0:
        return [row(check, check["argv"][0], "rows", live=shorten(done.stderr or "no message"), verdict="fail")]
    return list(json.loads(done.stdout))


READERS: dict[str, Callable[[Check], list[Row]]] = {
    "file": check_file,
    "unit": check_unit,
    "listen": check_listen,
    "http": check_http,
    "process_limit": check_process_limit,
    "package": check_package,
    "filesystem": check_filesystem,
    "clock": check_clock,
    "rows": check_rows,
    "command": check_command,
}
